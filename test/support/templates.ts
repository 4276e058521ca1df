/** What test files copy is there before the first of them runs, so that not each of those at once makes it for itself. */
import { prepareEmbeddedFolders } from "./embedded-folder.ts";

export const setup = (): Promise<void> => prepareEmbeddedFolders();
