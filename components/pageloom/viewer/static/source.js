// Where documents come from: the server's API beside this page, or data that lies inside the page.

/** What went wrong, in words for the reader; `status` is HTTP's, 0 where nothing answered. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const WORDS = {
  0: "The server cannot be reached.",
  401: "You are logged out. Log in, then open this page again.",
  403: "You may not see this.",
};

async function fail(response) {
  let detail = "";
  try {
    detail = (await response.json()).detail;
  } catch {
    // not JSON: the words below serve
  }
  const said = typeof detail === "string" && detail ? detail : `The server answered ${response.status}.`;
  return new Failure(response.status, WORDS[response.status] ?? said);
}

async function get(path, query, signal) {
  const url = new URL(path, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) url.searchParams.set(name, value);
  }
  let response;
  try {
    response = await fetch(url, { headers: { Accept: "application/json" }, signal });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure(0, WORDS[0]);
  }
  if (!response.ok) throw await fail(response);
  return response.json();
}

const part = encodeURIComponent;
const folder = (run, id) => `api/runs/${part(run)}/documents/${part(id)}`;

const remote = {
  runs: (query, signal) => get("api/runs", query, signal),
  documents: (run, query, signal) => get(`api/runs/${part(run)}/documents`, query, signal),
  document: (run, id, signal) => get(folder(run, id), {}, signal),
  /** The address of a page's picture; null where there is none. */
  picture: (run, id, page, width) => `${folder(run, id)}/pages/${page}.webp?width=${width}`,
  /** Why a picture did not come. */
  async reason(run, id, page) {
    try {
      const response = await fetch(remote.picture(run, id, page, 1600));
      return response.ok ? "It cannot be decoded." : (await fail(response)).message;
    } catch {
      return WORDS[0];
    }
  },
};

const rank = (status) => ["failed", "partial", "ok"].indexOf(status);
const bound = (value) => (value === null ? 2 : value);
const ORDERS = {
  name: (a, b) => a.name.localeCompare(b.name, "en"),
  lowest: (a, b) => bound(a.lowest) - bound(b.lowest),
  status: (a, b) => rank(a.status) - rank(b.status),
};

/** The API over the views inside the page: {title, documents: [view], reasons: {"id/page": text}}. */
function embedded({ title, documents, reasons }) {
  const views = new Map(documents.map((view) => [view.id, view]));
  const best = (view) => view.fields.filter((field) => field.rank === 0);
  const said = new Map(documents.map((view) => [view.id,
    [view.name, ...view.fields.flatMap((field) => [field.text, field.value ?? ""]), ...view.answers.map((answer) => answer.text), ...view.errors.map((error) => error.message)].join("\n").toLowerCase()]));
  const summary = (view) => ({
    ...view,
    pages: view.pages.length,
    first_page: view.pages[0]?.number ?? 1,
    fields: best(view).length,
    errors: view.errors.length,
    failed_checks: view.checks.filter((check) => check.passed === false).length,
    review: null,
    labels: best(view).map((field) => field.label),
  });
  const summaries = documents.map(summary);
  const counts = { ok: 0, partial: 0, failed: 0 };
  for (const { status } of documents) counts[status] += 1;
  const labels = [...new Set(summaries.flatMap((one) => one.labels))];
  const run = { id: "report", dag_id: "", run_id: title, started: null, state: null, documents: documents.length, ...counts };

  const fits = (one, { status, search, label, below }) => {
    const score = label ? best(views.get(one.id)).find((field) => field.label === label)?.score : one.lowest;
    return (!status || one.status === status)
      && (!search || said.get(one.id).includes(search.toLowerCase()))
      && (!label || score !== undefined)
      && (!below || (typeof score === "number" && score < Number(below)));
  };
  return {
    runs: async () => ({ runs: [run], next: null }),
    async documents(_, query) {
      const found = summaries.filter((one) => fits(one, query));
      if (ORDERS[query.sort]) found.sort(ORDERS[query.sort]);
      const start = Number(query.cursor || 0);
      const end = start + Number(query.limit || 50);
      return { documents: found.slice(start, end), total: found.length, next: end < found.length ? String(end) : null, run, counts, labels };
    },
    async document(_, id) {
      const view = views.get(id);
      if (!view) throw new Failure(404, "There is no such document in this report.");
      return view;
    },
    picture: (_, id, page) => document.getElementById(`picture-${id}-${page}`)?.textContent || null,
    reason: async (_, id, page) => reasons[`${id}/${page}`] ?? "It is not in this report.",
  };
}

const inside = document.getElementById("data");

export const source = inside ? embedded(JSON.parse(inside.textContent)) : remote;
