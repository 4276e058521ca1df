/** Who changes something, in their own words: asked once, and kept for this tab. */
import { useState } from "react";

const AUTHOR = "modeltier.author";

export type Author = Readonly<{
  author: string;
  setAuthor: (author: string) => void;
  /** Remembers it for the next change. */
  keep: () => void;
}>;

export function useAuthor(): Author {
  const [author, setAuthor] = useState(sessionStorage.getItem(AUTHOR) ?? "");
  return { author, setAuthor, keep: () => sessionStorage.setItem(AUTHOR, author) };
}

export const AuthorField = ({ of: { author, setAuthor } }: { of: Author }) => (
  <label>
    <span>Who</span>
    <input
      maxLength={256}
      placeholder="operator"
      value={author}
      onChange={(event) => setAuthor(event.target.value)}
    />
  </label>
);
