/** What providers do wrong in a soak, one call in twenty each: before an answer, inside one, and for ever. */
export const FAULTS: readonly string[] = [
  ...["429-retry-after-ms=100", "500", "503", "529", "502-html", "error-in-200", "reset", "silence"],
  ...["cut=5", "cut-clean=5", "stall=5", "malformed", "error-midstream", "no-usage", "bad-utf8", "dup-index"],
];
