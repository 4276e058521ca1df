/** Loaded before a program with `--import`: writes the address of every module that it loads into the file MODULE_LIST. */
import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

const file = process.env.MODULE_LIST as string;

registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(file, `${url}\n`);
    return nextLoad(url, context);
  },
});
