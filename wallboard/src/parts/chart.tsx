/** A chart of one measure over a day: today as a line over its ground, the same weekday as a thin line behind. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Day, Measure } from "../model/day";
import { measured } from "../model/day";
import { clock, day as dayWords, timeOfDay } from "../model/durations";
import { weekBefore } from "../model/durations";
import { theme } from "../preferences";
import { zone } from "../state";
import { locale, t, type Key } from "../texts";

const HEIGHT_REM = 9;

/** How far apart lines may stand on the y axis: whole calls, halves of the whole, round times. */
const INCREMENTS: Readonly<Record<Measure, number[]>> = {
  offered: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000],
  share: [50],
  wait: [5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200],
};

/** Lines above the ground, at most. */
const LINES_MAX = 3;

function stepTo(measure: Measure, most: number): number {
  const steps = INCREMENTS[measure];
  return steps.find((step) => most / step <= LINES_MAX) ?? steps.at(-1) ?? 1;
}

/** Where the y axis ends: at a line, so that every chart has one above its highest value. */
function topOf(measure: Measure, most: number | null): number {
  const step = stepTo(measure, most ?? 0);
  return Math.max(1, Math.ceil((most ?? 0) / step)) * step;
}

function linesTo(measure: Measure, top: number): number[] {
  const step = stepTo(measure, top);
  return Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
}

interface Shape {
  readonly title: Key;
  readonly measure: Measure;
  readonly day: Day;
}

/** How a value of the measure is written. */
export function written(measure: Measure, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  return measure === "share" ? `${Math.floor(value)} %` : measure === "wait" ? clock(value) : String(value);
}

export function Chart({ title, measure, day }: Shape) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const look = `${theme.value} ${locale()} ${zone.value}`;
  const columns: uPlot.AlignedData = [
    [...day.marks_s], measured(day.before, measure), measured(day.now, measure),
  ];
  useEffect(() => {
    const place = box.current;
    if (!place) return;
    plot.current = new uPlot(options(place, measure), columns, place);
    const watcher = new ResizeObserver(() => plot.current?.setSize(sizeOf(place)));
    watcher.observe(place);
    return () => {
      watcher.disconnect();
      plot.current?.destroy();
    };
  }, [look, measure]);
  useEffect(() => plot.current?.setData(columns), [day]);
  return (
    <figure class="chart">
      <figcaption>{t(title)}</figcaption>
      <div ref={box} class="plot" role="img" aria-label={`${t(title)}. ${t("as_table")}: ${t("day_chart")}`} />
    </figure>
  );
}

function sizeOf(place: HTMLElement): { width: number; height: number } {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return { width: place.clientWidth, height: HEIGHT_REM * rem };
}

function options(place: HTMLElement, measure: Measure): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const rem = parseFloat(style.fontSize);
  const font = `${0.75 * rem}px ${style.getPropertyValue("--font").trim()}`;
  const bars = uPlot.paths.bars?.({ size: [0.7], radius: 0.2 });
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const axis = { stroke: color("--ink-2"), font, ticks: { show: false } };
  return {
    ...sizeOf(place),
    padding: [0.75 * rem, 0.5 * rem, 0, 0],
    legend: { show: false },
    cursor: { points: { show: false }, drag: { x: false, y: false }, y: false },
    scales: {
      x: { time: true },
      y: { range: (_, __, most) => [0, topOf(measure, most)] },
    },
    axes: [
      {
        ...axis, size: 1.75 * rem, space: 4.5 * rem, grid: { show: false },
        values: (_, marks) => marks.map((mark_s) => timeOfDay(mark_s * 1_000, locale(), zone.value)),
        incrs: [3_600, 2 * 3_600, 3 * 3_600, 4 * 3_600, 6 * 3_600],
      },
      {
        ...axis, size: 3.25 * rem, space: 2.5 * rem, grid: { stroke: color("--line"), width: 1 },
        splits: (_, __, ___, top) => linesTo(measure, top),
        values: (_, values) => values.map((value) => written(measure, value)),
      },
    ],
    series: [
      {},
      // A week ago is the ground on which today stands.
      { stroke: color("--ink-3"), width: 1.25, spanGaps: false, points: { show: false }, ...(stepped && { paths: stepped }) },
      measure === "offered" && bars
        ? { fill: color("--chart"), stroke: color("--chart"), width: 0, points: { show: false }, paths: bars }
        : { stroke: color("--chart"), width: 2, points: { show: false }, ...(stepped && { paths: stepped }) },
    ],
    hooks: { init: [(plot) => pointing(plot, measure)] },
  };
}

/** What stands under the pointer, in words. Text only: it holds no names. */
function pointing(plot: uPlot, measure: Measure): void {
  const words = document.createElement("div");
  words.className = "plot-words";
  words.hidden = true;
  plot.over.append(words);
  plot.over.addEventListener("mouseleave", () => (words.hidden = true));
  plot.hooks.setCursor = [
    ...(plot.hooks.setCursor ?? []),
    () => {
      const index = plot.cursor.idx;
      const mark_s = index === null || index === undefined ? undefined : plot.data[0][index];
      words.hidden = mark_s === undefined;
      if (mark_s === undefined || index === null || index === undefined) return;
      const week_ms = weekBefore(mark_s * 1_000, zone.value);
      words.textContent = [
        timeOfDay(mark_s * 1_000, locale(), zone.value),
        `${t("this_day")}: ${written(measure, plot.data[2]?.[index])}`,
        `${dayWords(week_ms, locale(), zone.value)}: ${written(measure, plot.data[1]?.[index])}`,
      ].join("\n");
      const right = (plot.cursor.left ?? 0) > plot.over.clientWidth / 2;
      words.classList.toggle("on-left", right);
    },
  ];
}
