// A run's documents under some filters, fetched in parts of 50, and kept while documents are looked at.

import { source } from "./source.js";

export const FILTERS = ["search", "status", "label", "below", "review", "sort"];

const LIMIT = 50;

/** Only the filters among `values`, and only those that are set. */
export const filtersOf = (values) => Object.fromEntries(FILTERS.filter((name) => values[name]).map((name) => [name, values[name]]));

class Listing {
  constructor(run, filters) {
    this.run = run;
    this.filters = filters;
    this.rows = [];
    this.total = 0;
    this.next = "";
    this.about = null;
    this.labels = [];
    this.counts = null;
    this.scroll = 0;
    this.last = null;
  }

  get done() {
    return this.next === null;
  }

  /** Fetch one more part; the rows that it brought. */
  async more(signal) {
    if (this.done) return [];
    const got = await source.documents(this.run, { ...this.filters, cursor: this.next, limit: LIMIT }, signal);
    this.rows.push(...got.documents);
    this.total = got.total ?? this.rows.length;
    this.next = got.next ?? null;
    this.about = got.run ?? this.about;
    this.counts = got.counts ?? this.counts;
    this.labels = got.labels ?? [...new Set([...this.labels, ...got.documents.flatMap((one) => one.labels ?? [])])];
    return got.documents;
  }

  position(id) {
    return this.rows.findIndex((row) => row.id === id);
  }
}

let kept = null;

/** The listing of a run under filters: the one at hand if it is that one. */
export function listing(run, filters) {
  const same = kept && kept.run === run && JSON.stringify(kept.filters) === JSON.stringify(filters);
  if (!same) kept = new Listing(run, filters);
  return kept;
}

/** The listing that the reader came from, if it is of this run. */
export const listingOf = (run) => (kept && kept.run === run ? kept : listing(run, {}));
