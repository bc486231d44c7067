/** Durations, instants, counts and sizes as people read them. Pure; the language and the zone are given. */

/** Whole seconds as 0:07, 12:34 or 1:02:03. Never negative: clocks of two machines differ. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const s = String(whole % 60).padStart(2, "0");
  const m = Math.floor(whole / 60) % 60;
  const h = Math.floor(whole / 3_600);
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

const timeFormats = new Map<string, Intl.DateTimeFormat>();

function timeFormat(language: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language} ${zone} ${JSON.stringify(options)}`;
  let format = timeFormats.get(key);
  if (!format) {
    try {
      format = new Intl.DateTimeFormat(language, { ...options, timeZone: zone, hourCycle: "h23" });
    } catch {
      // A zone that this browser does not know yet: UTC, rather than the zone of whoever looks.
      format = new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC", hourCycle: "h23" });
    }
    timeFormats.set(key, format);
  }
  return format;
}

/** The time of day in the zone of the VDN: 09:05, or 09:05:07. */
export function timeOfDay(at_ms: number, language: string, zone: string, withSeconds = false): string {
  return timeFormat(language, zone, {
    hour: "2-digit", minute: "2-digit", ...(withSeconds && { second: "2-digit" }),
  }).format(at_ms);
}

/** The day, and the time of day. */
export function dayAndTime(at_ms: number, language: string, zone: string): string {
  return timeFormat(language, zone, {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
  }).format(at_ms);
}

/** The day alone, such as "Sunday, 15 November". */
export function day(at_ms: number, language: string, zone: string): string {
  return timeFormat(language, zone, { weekday: "long", day: "numeric", month: "long" }).format(at_ms);
}

/** How far a zone is ahead of UTC at an instant, in ms. */
export function zoneOffset_ms(at_ms: number, zone: string): number {
  const parts = timeFormat("en", zone, {
    year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(at_ms);
  const part = (type: string): number => Number(parts.find((one) => one.type === type)?.value ?? 0);
  const local = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
  return local - Math.floor(at_ms / 1_000) * 1_000;
}

const WEEK_MS = 7 * 86_400_000;

/** The instant of the same local time a week earlier, whatever summer time did between. */
export function weekBefore(at_ms: number, zone: string): number {
  const before_ms = at_ms - WEEK_MS;
  return before_ms + zoneOffset_ms(at_ms, zone) - zoneOffset_ms(before_ms, zone);
}

/** A count with the thousands grouped as the language groups them. */
export function count(value: number, language: string): string {
  return value.toLocaleString(language);
}

/** Bytes as 1.2 kB, 34 MB. */
export function bytes(value: number, language: string): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1_000 && unit < units.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  return `${scaled.toLocaleString(language, { maximumFractionDigits: scaled < 10 && unit ? 1 : 0 })} ${units[unit]}`;
}
