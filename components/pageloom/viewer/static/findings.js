// What was found in a document, as rows to show: fields with equal texts share one.

const equal = (text) => text.split(/\s+/).filter(Boolean).join(" ").toLowerCase();

const place = ({ page, box }, main) => (page === null || !box ? null : { page, box, main });

/**
 * The rows of a view. `key` names a row, `places` are its boxes with their pages, the likeliest
 * first; `best` is the first row of its label, `failed` tells that a check of the label failed.
 */
export function rowsOf(view) {
  const failed = new Set(view.checks.filter((check) => check.passed === false).flatMap((check) => check.labels));
  const rows = [];
  const byText = new Map();
  for (const field of view.fields) {
    const text = `${field.label}\n${equal(field.text)}`;
    let row = byText.get(text);
    if (!row) {
      const best = !rows.some((other) => other.label === field.label);
      row = { key: `f${rows.length}`, kind: "field", ...field, best, failed: best && failed.has(field.label), places: [] };
      byText.set(text, row);
      rows.push(row);
    }
    const found = place(field, row.best && row.places.length === 0);
    if (found) row.places.push(found);
  }
  view.answers.forEach((answer, at) => {
    const found = place(answer, true);
    rows.push({ key: `a${at}`, kind: "answer", ...answer, label: answer.question, best: true, places: found ? [found] : [] });
  });
  return rows;
}

/** The page to open first: the one with most of the likeliest fields. */
export function fullestPage(view, rows) {
  const tally = new Map(view.pages.map((page) => [page.number, 0]));
  for (const row of rows) {
    const first = row.best ? row.places[0] : null;
    if (first && tally.has(first.page)) tally.set(first.page, tally.get(first.page) + 1);
  }
  return [...tally].reduce((top, one) => (one[1] > top[1] ? one : top), [view.pages[0]?.number ?? null, 0])[0];
}
