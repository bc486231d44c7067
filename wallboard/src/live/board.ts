/** The rows of one stream as signals: a message that changes one row redraws one row. */
import { batch, signal, type Signal } from "@preact/signals";
import type { Message } from "./sse";
import { asObject, listOf, parseHeads, whole, type Heads } from "./rows";

type Json = Record<string, unknown>;

/** A set of rows that a stream of `full` and `change` messages keeps up to date. */
export class Board<Row> {
  readonly heads = signal<Heads | null>(null);
  /** The keys of all rows. A new list when a row comes or goes, not when one changes. */
  readonly keys = signal<readonly number[]>([]);
  /** Goes up with every message that changed a row: what looks at all rows hangs on it. */
  readonly version = signal(0);
  private readonly rows = new Map<number, Signal<Row>>();
  /** The rows as they came: a change holds only what is other than before. */
  private readonly raw = new Map<number, Json>();
  private readonly rowsKey: string;
  private readonly idKey: string;
  private readonly parse: (value: unknown) => Row;

  constructor(rowsKey: string, idKey: string, parse: (value: unknown) => Row) {
    this.rowsKey = rowsKey;
    this.idKey = idKey;
    this.parse = parse;
  }

  /** The row of that key; undefined if there is none. */
  row(key: number): Signal<Row> | undefined {
    return this.rows.get(key);
  }

  /** All rows as they are now. Whoever draws them reads `version`, too. */
  all(): Row[] {
    return this.keys.peek().flatMap((key) => this.rows.get(key)?.peek() ?? []);
  }

  /** Takes in a message of the stream. Raises what `JSON.parse` raises. */
  take(message: Message): void {
    if (message.event !== "full" && message.event !== "change") return;
    const told = asObject(JSON.parse(message.data));
    const rows = listOf(told[this.rowsKey]).map(asObject);
    batch(() => {
      const full = message.event === "full";
      this.heads.value = parseHeads(told, full ? null : this.heads.peek(), `${this.rowsKey}_total`);
      if (full) this.replace(rows);
      else this.change(rows, listOf(told.gone).map(whole));
    });
  }

  /** Forgets all: another VDN's rows are on their way. */
  clear(): void {
    batch(() => {
      this.heads.value = null;
      this.replace([]);
    });
  }

  private replace(rows: readonly Json[]): void {
    const wanted = new Set(rows.map((row) => whole(row[this.idKey])));
    this.raw.clear();
    this.change(rows, [...this.rows.keys()].filter((key) => !wanted.has(key)));
  }

  private change(rows: readonly Json[], gone: readonly number[]): void {
    let other = false;
    for (const key of gone) {
      this.raw.delete(key);
      other = this.rows.delete(key) || other;
    }
    for (const row of rows) {
      const key = whole(row[this.idKey]);
      const merged = { ...this.raw.get(key), ...row };
      this.raw.set(key, merged);
      const known = this.rows.get(key);
      if (known) {
        known.value = this.parse(merged);
      } else {
        this.rows.set(key, signal(this.parse(merged)));
        other = true;
      }
    }
    if (other) this.keys.value = [...this.rows.keys()].sort((one, two) => one - two);
    if (other || rows.length) this.version.value += 1;
  }
}
