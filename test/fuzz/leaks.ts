/** What no answer may show: stacks, paths of the source, and the runtime's own words for a mistake in the program. */
export const LEAKS =
  /\n\s+at \S+ \(|\\n\s+at |node_modules|file:\/\/|\/src\/[a-z-]+\/|\.ts:\d+|TypeError|RangeError|ReferenceError|SyntaxError|Cannot read propert|is not a function|is not iterable|Cannot convert undefined|Maximum call stack|\[object Object\]/;
