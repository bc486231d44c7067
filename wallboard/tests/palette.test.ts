/** The colors of states and levels, as eyes see them that lack a kind of cone (Viénot, Brettel and Mollon 1999; tritan by Brettel 1997). */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

type Rgb = readonly [number, number, number];

const css = readFileSync("src/style/tokens.css", "utf8");
const themes = { light: css.slice(0, css.indexOf('[data-theme="dark"] {')), dark: css.slice(css.indexOf('[data-theme="dark"] {')) };

function color(theme: keyof typeof themes, name: string): Rgb {
  const found = new RegExp(`--${name}: #([0-9a-f]{6})`).exec(themes[theme]);
  if (!found?.[1]) throw new Error(`${theme} has no ${name}`);
  const value = parseInt(found[1], 16);
  return [value >> 16, (value >> 8) & 255, value & 255].map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
}

const MATRICES: Record<string, readonly Rgb[]> = {
  "all cones": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
  deutan: [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
  tritan: [[1.01277, 0.13548, -0.14826], [-0.01243, 0.86812, 0.14431], [0.07589, 0.805, 0.11911]],
};

const seen = (eye: string, [red, green, blue]: Rgb): Rgb =>
  (MATRICES[eye] ?? []).map(([r, g, b]) => Math.min(1, Math.max(0, r * red + g * green + b * blue))) as unknown as Rgb;

/** CIE L*a*b*, in which equal distances look about equally far. */
function lab([red, green, blue]: Rgb): Rgb {
  const f = (value: number) => (value > 216 / 24389 ? Math.cbrt(value) : (24389 / 27 * value + 16) / 116);
  const x = f((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
  const y = f(0.2126 * red + 0.7152 * green + 0.0722 * blue);
  const z = f((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const distance = (one: Rgb, two: Rgb) => {
  const [a, b] = [lab(one), lab(two)];
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
};

const luminance = ([red, green, blue]: Rgb) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
const contrast = (one: Rgb, two: Rgb) => {
  const [high, low] = [luminance(one), luminance(two)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
};

/** Neighbors in the bar; away is striped as well, and the order never changes. */
const NEIGHBORS = [["free", "ringing"], ["ringing", "talking"], ["talking", "wrapup"], ["wrapup", "away"], ["free", "talking"], ["free", "wrapup"]] as const;

describe.each(Object.keys(themes) as (keyof typeof themes)[])("the %s colors", (theme) => {
  it.each(Object.keys(MATRICES))("of neighboring states are apart for %s", (eye) => {
    for (const [one, two] of NEIGHBORS) {
      expect(distance(seen(eye, color(theme, one)), seen(eye, color(theme, two))), `${one} ${two}`).toBeGreaterThan(14);
    }
  });

  it.each(Object.keys(MATRICES))("of urgent and watch are apart for %s", (eye) => {
    expect(distance(seen(eye, color(theme, "urgent-fill")), seen(eye, color(theme, "watch-fill")))).toBeGreaterThan(25);
  });

  it.each([
    ["ink", "ground"], ["ink", "surface"], ["ink-2", "ground"], ["ink-2", "surface"], ["ink-2", "sunken"],
    ["accent", "surface"], ["urgent", "surface"], ["urgent", "urgent-soft"], ["ink-2", "urgent-soft"], ["watch", "watch-soft"],
    ["on-urgent", "urgent-fill"], ["on-watch", "watch-fill"], ["on-accent", "accent"],
  ])("of words can be read: %s on %s", (words, ground) => {
    expect(contrast(color(theme, words), color(theme, ground))).toBeGreaterThanOrEqual(4.5);
  });
});
