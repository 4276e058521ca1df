import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** One document, one script, one sheet: nothing inline, names that change with what is in them. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/admin/",
  cacheDir: fileURLToPath(new URL("../../../node_modules/.cache/vite", import.meta.url)),
  publicDir: false,
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: "es2023",
    cssCodeSplit: false,
    reportCompressedSize: false,
  },
});
