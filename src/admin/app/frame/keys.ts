/** `/` searches, `g` and a letter change the screen, Esc leaves what is open. */
import { useEffect } from "react";
import { navigate } from "./router.tsx";
import { SCREENS } from "./screens.ts";

/** A second key counts only this soon after `g`. */
const PAIR_MS = 1_500;

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

export function useKeys(): void {
  useEffect(() => {
    let pressedG = 0;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") leave();
      if (isTyping(event.target)) return;
      if (event.key === "/") {
        event.preventDefault();
        search();
      } else if (event.key === "g") {
        pressedG = event.timeStamp;
      } else if (event.timeStamp - pressedG < PAIR_MS) {
        pressedG = 0;
        const screen = SCREENS.find(({ key }) => key === event.key);
        if (screen !== undefined) navigate(screen.path);
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

function leave(): void {
  if (isTyping(document.activeElement)) (document.activeElement as HTMLElement).blur();
  else {
    const [, list] = /\/(executions|experiments)\/./.exec(location.pathname) ?? [];
    if (list !== undefined) navigate(`/${list}${location.search}`);
  }
}

/** The first field of the screen's search; where there is none, the one of the executions. */
function search(): void {
  if (focusSearch()) return;
  navigate("/executions");
  requestAnimationFrame(focusSearch);
}

function focusSearch(): boolean {
  const field = document.querySelector<HTMLElement>("[data-search]");
  const folded = field?.closest("details");
  if (folded != null) folded.open = true;
  field?.focus();
  return field !== null;
}
