/** Tiles that change their places glide there, so that an eye can follow. Nothing glides for who wants no motion. */
import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

const GLIDE_MS = 320;
/** Of more than these nobody could follow any. */
const GLIDING_MAX = 120;

interface Place {
  readonly left: number;
  readonly top: number;
}

/** Call it in the component of a grid whose children have `data-skill`, with what their order hangs on. */
export function useGliding(grid: RefObject<HTMLElement | null>, order: readonly number[]): void {
  const before = useRef({ width: 0, places: new Map<string, Place>() });
  useLayoutEffect(() => {
    const tiles = [...(grid.current?.children ?? [])].filter((one) => one instanceof HTMLElement);
    const width = grid.current?.clientWidth ?? 0;
    const places = new Map<string, Place>();
    const still =
      tiles.length > GLIDING_MAX || width !== before.current.width ||
      matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const tile of tiles) {
      const key = tile.dataset.skill ?? "";
      const place = { left: tile.offsetLeft, top: tile.offsetTop };
      const old = before.current.places.get(key);
      places.set(key, place);
      if (still || !old || (old.left === place.left && old.top === place.top)) continue;
      tile.animate(
        [{ transform: `translate(${old.left - place.left}px, ${old.top - place.top}px)` }, { transform: "none" }],
        { duration: GLIDE_MS, easing: "cubic-bezier(.2, .7, .2, 1)" },
      );
    }
    before.current = { width, places };
  }, [order]);
}
