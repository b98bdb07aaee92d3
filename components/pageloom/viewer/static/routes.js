// Addresses of screens, after the page's own "#": `/runs/{run}/documents/{document}?field=total`.

const part = encodeURIComponent;

function query(values) {
  const kept = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return kept.length ? `?${new URLSearchParams(kept)}` : "";
}

export const toRuns = () => "#/";
export const toRun = (run, filters = {}) => `#/runs/${part(run)}${query(filters)}`;
export const toDocument = (run, id, values = {}) => `#/runs/${part(run)}/documents/${part(id)}${query(values)}`;

/** What the address names: {run, document, values}, null where it names none. */
export function route() {
  const [path, after = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").map((piece) => {
    try {
      return decodeURIComponent(piece);
    } catch {
      return piece;
    }
  });
  const values = Object.fromEntries(new URLSearchParams(after));
  const run = parts[0] === "runs" && parts[1] ? parts[1] : null;
  return { run, document: run && parts[2] === "documents" && parts[3] ? parts[3] : null, values };
}

/** Note in the address what is chosen, without a new entry in the history. */
export function note(address) {
  if (location.hash !== address) history.replaceState(history.state, "", address);
}
