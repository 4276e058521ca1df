/** Loaded into the service before anything else: says on stderr, where nothing but log lines may stand, when a prototype changes. */
const WATCHED = [Object.prototype, Array.prototype, Function.prototype, Map.prototype];
const namesNow = (): string =>
  JSON.stringify(WATCHED.map((prototype) => Reflect.ownKeys(prototype).map(String)));

const WATCH_EVERY_MS = 5;
const before = namesNow();
const watch = setInterval(() => {
  if (namesNow() === before) return;
  process.stderr.write("a global prototype was changed\n");
  clearInterval(watch);
}, WATCH_EVERY_MS);
watch.unref();
