/** How the wallboard is built: into the Python package, with nothing inlined, as the Content-Security-Policy wants it. */
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** What is shipped inside the bundle, each under a license that wants its notice to go along. */
const SHIPPED = ["preact", "@preact/signals", "@preact/signals-core", "uplot", "@fontsource-variable/inter"];

/** Writes the licenses of all that is shipped beside it. */
function licenses(): Plugin {
  return {
    name: "licenses",
    generateBundle() {
      const notices = SHIPPED.map((name) => {
        const text = readFileSync(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8");
        return `${name}\n${"=".repeat(name.length)}\n\n${text.trim()}\n`;
      });
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: notices.join("\n\n") });
    },
  };
}

export default defineConfig({
  base: "/",
  plugins: [licenses()],
  build: {
    outDir: "../src/queuepulse/web",
    emptyOutDir: true,
    // A `data:` font or script would be refused by the page's own policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
  },
});
