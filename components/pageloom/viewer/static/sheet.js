// A page as a picture with boxes on it: pages, zoom, and what is pointed at.

import { colour, h, percent, say, tool, whenNear } from "./elements.js";
import { source } from "./source.js";

const STEP = 1.25;
const WIDEST = 8;
const narrow = matchMedia("(max-width: 860px)");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/** Where something is printed on a picture: a test of places, in shares of its width and height. */
function inkOf(picture) {
  const width = 420;
  const height = Math.max(1, Math.min(4000, Math.round((width * picture.naturalHeight) / picture.naturalWidth)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(picture, 0, 0, width, height);
  return ({ left, top, right, bottom }) => {
    const [x, y] = [Math.max(0, Math.floor(left * width)), Math.max(0, Math.floor(top * height))];
    const [w, t] = [Math.ceil(right * width) - x, Math.ceil(bottom * height) - y];
    const { data } = pen.getImageData(x, y, Math.max(1, w), Math.max(1, t));
    let low = 255;
    let high = 0;
    for (let at = 0; at < data.length; at += 4) {
      low = Math.min(low, data[at + 1]);
      high = Math.max(high, data[at + 1]);
    }
    return high - low > 90;
  };
}

/**
 * Put each caption above, below, right or left of its box, where it hides no other and nothing that
 * is printed. Where there is no such place it is shown only while its box is lit.
 */
function placeCaptions(marks, sheet, printed) {
  const width = sheet.clientWidth;
  const height = sheet.clientHeight;
  const edges = (mark) => ({ left: mark.offsetLeft, top: mark.offsetTop, right: mark.offsetLeft + mark.offsetWidth, bottom: mark.offsetTop + mark.offsetHeight });
  const taken = marks.map((mark) => ({ mark, ...edges(mark) }));
  for (const mark of marks) {
    const caption = mark.firstElementChild;
    if (!caption) continue;
    const box = edges(mark);
    const [w, t] = [caption.offsetWidth, caption.offsetHeight];
    const middle = (box.top + box.bottom - t) / 2;
    const starts = { above: [box.left - 3, box.top - t - 3], right: [box.right + 4, middle], left: [box.left - w - 4, middle], below: [box.left - 3, box.bottom + 3] };
    const free = Object.entries(starts).find(([, [left, top]]) => {
      const place = { left, top, right: left + w, bottom: top + t };
      const inside = left >= 0 && top >= 0 && place.right <= width && place.bottom <= height;
      return inside && !taken.some((other) => other.mark !== mark && meet(place, other))
        && !printed({ left: left / width, top: top / height, right: place.right / width, bottom: place.bottom / height });
    });
    mark.dataset.caption = free ? free[0] : "none";
    if (!free) continue;
    const [left, top] = free[1];
    taken.push({ mark, left, top, right: left + w, bottom: top + t });
  }
}

/**
 * The pages of a document. `light(keys)` is called for the box that is pointed at, `pick(key)` for
 * the one that is clicked, `turned(number)` after another page is shown.
 */
export function makeSheet(run, view, rows, { light, pick, turned }) {
  const byKey = new Map(rows.map((row) => [row.key, row]));
  const numbers = view.pages.map((page) => page.number);
  let page = null;
  let fit = "start";
  let scale = 1;
  let lit = [];
  let printed = () => false;
  let waiting = 0;

  const marks = h("div", { class: "marks", "aria-hidden": "true" });
  const picture = h("img", { decoding: "async", alt: "" });
  const excuse = h("p", { class: "excuse", hidden: true });
  const sheet = h("figure", { class: "sheet" }, picture, excuse, marks);
  const pane = h("div", { class: "pane", tabindex: "0", role: "region", "aria-label": "Page picture" }, sheet);
  const callout = h("p", { class: "callout", "aria-hidden": "true" });
  const told = h("span", { class: "told" });
  const zoomed = h("output", { class: "zoomed", "aria-label": "Zoom" });
  const boxes = tool("boxes", "Boxes", "b", () => api.boxes(), { "aria-pressed": "true" });
  const back = tool("back", "Previous page", "p", () => api.turn(-1));
  const forth = tool("next", "Next page", "n", () => api.turn(1));
  const several = numbers.length > 1;
  const tools = h("div", { class: "tools" },
    several ? h("span", { class: "group" }, back, told, forth) : told,
    h("span", { class: "group zoom" },
      tool("minus", "Zoom out", "-", () => api.zoom(1 / STEP)), zoomed, tool("plus", "Zoom in", "+", () => api.zoom(STEP)),
      tool("page", "Fit the page", "0", () => api.fit("page")), tool("width", "Fit the width", "w", () => api.fit("width"))),
    boxes);
  const strip = several ? h("ol", { class: "strip", "aria-label": "Pages" }, numbers.map(thumb)) : null;
  const element = h("section", { class: `pages${several ? " several" : ""}`, "aria-label": "Pages" }, tools, strip, h("div", { class: "stage" }, pane, callout));

  function thumb(number) {
    const found = rows.some((row) => row.places.some((place) => place.page === number));
    const { width, height } = view.pages.find((one) => one.number === number);
    const frame = h("span", { class: "frame", style: { "aspect-ratio": width && height ? `${width} / ${height}` : "1 / 1.414" } });
    whenNear(frame, () => {
      const address = source.picture(run, view.id, number, 240);
      if (address) frame.append(h("img", { src: address, alt: "", decoding: "async", error: (event) => event.target.remove() }));
    });
    return h("li", {}, h("button", { type: "button", "data-page": number, "aria-label": `Page ${number}${found ? ", with findings" : ""}`, click: () => api.go(number) },
      frame, h("span", { class: `number${found ? " found" : ""}` }, number)));
  }

  function draw() {
    const shown = rows.flatMap((row) => row.places.filter((place) => place.page === page).map((place) => ({ row, ...place })));
    // Small boxes lie on large ones, so that each can be pointed at.
    const area = ({ box: [x0, y0, x1, y1] }) => (x1 - x0) * (y1 - y0);
    shown.sort((a, b) => area(b) - area(a));
    const captioned = new Set();
    marks.replaceChildren(...shown.map(({ row, main, box: [x0, y0, x1, y1] }) => {
      const first = main && row.kind === "field" && !captioned.has(row.label);
      if (first) captioned.add(row.label);
      const style = { "--c": row.kind === "answer" ? "var(--accent)" : colour(row.label), left: `${x0 / 10}%`, top: `${y0 / 10}%`, width: `${(x1 - x0) / 10}%`, height: `${(y1 - y0) / 10}%` };
      return h("div", { class: `mark ${row.kind}${main ? "" : " other"}`, "data-key": row.key, style }, first ? h("span", { class: "caption" }, say(row.label)) : null);
    }));
    relight();
  }

  function relight() {
    let any = false;
    for (const mark of marks.children) {
      const on = lit.includes(mark.dataset.key);
      mark.classList.toggle("lit", on);
      any ||= on;
    }
    marks.classList.toggle("dimmed", any);
    for (const button of strip?.querySelectorAll("button") ?? []) {
      const on = lit.some((key) => byKey.get(key).places.some((place) => place.page === Number(button.dataset.page)));
      button.classList.toggle("lit", on);
    }
    const row = lit.length === 1 ? byKey.get(lit[0]) : null;
    callout.replaceChildren(...(row ? [h("span", { class: "label", style: { "--c": row.kind === "answer" ? "var(--accent)" : colour(row.label) } }, say(row.label)), say(row.text || "no answer"), h("span", { class: "figure" }, percent(row.score))] : []));
    callout.hidden = !row;
  }

  function size() {
    const about = view.pages.find((one) => one.number === page);
    const [width, height] = about?.width && about.height ? [about.width, about.height] : [picture.naturalWidth || 1000, picture.naturalHeight || 1414];
    const space = narrow.matches ? 16 : 48;
    const wide = Math.max(80, pane.clientWidth - space);
    const whole = Math.max(60, Math.min(wide, ((pane.clientHeight - space) * width) / height));
    const start = narrow.matches ? wide : Math.max(whole, Math.min(wide, 440));
    return { ratio: `${width} / ${height}`, wide, shown: fit === "page" ? whole : fit === "width" ? wide : fit === "start" ? start : wide * scale };
  }

  function layout() {
    if (page === null || !pane.clientWidth) return;
    const { ratio, wide, shown } = size();
    sheet.style.setProperty("aspect-ratio", ratio);
    sheet.style.setProperty("width", `${Math.round(shown)}px`);
    scale = shown / wide;
    zoomed.textContent = `${Math.round(scale * 100)}%`;
    pane.classList.toggle("loose", shown > wide + 1 || sheet.offsetHeight > pane.clientHeight);
    placeCaptions([...marks.children], sheet, printed);
  }

  /** Lay out anew, and keep the point of the page that lies at (x, y) of the pane where it is. */
  function around(change, x = pane.clientWidth / 2, y = pane.clientHeight / 2) {
    const across = (pane.scrollLeft + x - sheet.offsetLeft) / sheet.offsetWidth;
    const down = (pane.scrollTop + y - sheet.offsetTop) / sheet.offsetHeight;
    change();
    layout();
    pane.scrollLeft = across * sheet.offsetWidth + sheet.offsetLeft - x;
    pane.scrollTop = down * sheet.offsetHeight + sheet.offsetTop - y;
  }

  async function explain() {
    const asked = page;
    const said = await source.reason(run, view.id, asked);
    if (asked !== page) return;
    excuse.replaceChildren(h("b", {}, `No picture of page ${asked}`), say(said));
    excuse.hidden = false;
  }

  const api = {
    element,
    get page() {
      return page;
    },
    go(number) {
      if (!numbers.includes(number) || number === page) return;
      page = number;
      picture.hidden = excuse.hidden = true;
      printed = () => false;
      picture.alt = `Page ${number} of ${view.name}`;
      const address = source.picture(run, view.id, number, 1600);
      if (address) picture.src = address;
      else explain();
      told.textContent = !several ? "1 page" : numbers.at(-1) === numbers.length ? `Page ${number} of ${numbers.length}` : `Page ${number}`;
      back.disabled = number === numbers[0];
      forth.disabled = number === numbers.at(-1);
      for (const button of strip?.querySelectorAll("button") ?? []) {
        const on = Number(button.dataset.page) === number;
        button.toggleAttribute("aria-current", on);
        if (on) {
          button.setAttribute("aria-current", "page");
          const item = button.parentElement;
          strip.scrollTo({ top: item.offsetTop - strip.clientHeight / 2 + item.offsetHeight / 2, left: item.offsetLeft - strip.clientWidth / 2 + item.offsetWidth / 2 });
        }
      }
      draw();
      layout();
      pane.scrollTo(0, 0);
      turned(number);
    },
    turn(by) {
      api.go(numbers[numbers.indexOf(page) + by]);
    },
    /** Light the boxes of rows; `reveal` scrolls to the one that lies out of sight on this page. */
    light(keys, reveal = false) {
      lit = keys;
      relight();
      clearTimeout(waiting);
      const here = reveal && keys.length === 1 && byKey.get(keys[0]).places.some((place) => place.page === page);
      // Not for what the pointer only passes over.
      if (here) waiting = setTimeout(api.show, 150, keys[0]);
    },
    /** Show where a row was found, and its page. */
    show(key) {
      const row = byKey.get(key);
      const place = row?.places.find((one) => one.page === page) ?? row?.places[0];
      if (!place) return;
      api.go(place.page);
      const [x0, y0, x1, y1] = place.box;
      const x = sheet.offsetLeft + ((x0 + x1) / 2000) * sheet.offsetWidth;
      const y = sheet.offsetTop + ((y0 + y1) / 2000) * sheet.offsetHeight;
      const seen = x > pane.scrollLeft + 40 && x < pane.scrollLeft + pane.clientWidth - 40 && y > pane.scrollTop + 40 && y < pane.scrollTop + pane.clientHeight - 60;
      if (!seen) pane.scrollTo({ left: x - pane.clientWidth / 2, top: y - pane.clientHeight / 2, behavior: calm.matches ? "auto" : "smooth" });
    },
    zoom(by, x, y) {
      around(() => {
        scale = Math.min(WIDEST, Math.max(0.1, scale * by));
        fit = "free";
      }, x, y);
    },
    fit(how) {
      fit = how;
      layout();
      pane.scrollTo(0, 0);
    },
    boxes() {
      const on = element.classList.toggle("bare");
      boxes.setAttribute("aria-pressed", String(!on));
    },
  };

  picture.addEventListener("load", () => {
    picture.hidden = false;
    printed = inkOf(picture);
    layout();
  });
  picture.addEventListener("error", explain);
  marks.addEventListener("pointerover", (event) => light(event.target.closest(".mark") ? [event.target.closest(".mark").dataset.key] : []));
  marks.addEventListener("pointerleave", () => light([]));

  const local = (event) => {
    const frame = pane.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  pane.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    api.zoom(Math.exp(-event.deltaY / 300), ...local(event));
  }, { passive: false });
  pane.addEventListener("dblclick", (event) => (fit === "free" ? api.fit("page") : api.zoom(2, ...local(event))));

  // A mouse drags the page about; a finger scrolls it as anything else.
  let from = null;
  let dragged = false;
  pane.addEventListener("pointerdown", (event) => {
    dragged = false;
    if (event.pointerType !== "mouse" || event.button !== 0) return;
    from = [event.clientX + pane.scrollLeft, event.clientY + pane.scrollTop, event.clientX, event.clientY];
  });
  pane.addEventListener("pointermove", (event) => {
    if (!from || !(event.buttons & 1)) return;
    if (!dragged && Math.hypot(event.clientX - from[2], event.clientY - from[3]) < 4) return;
    if (!dragged) pane.setPointerCapture(event.pointerId);
    dragged = true;
    pane.scrollTo(from[0] - event.clientX, from[1] - event.clientY);
  });
  for (const end of ["pointerup", "pointercancel"]) pane.addEventListener(end, () => (from = null));
  marks.addEventListener("click", (event) => {
    const mark = event.target.closest(".mark");
    if (!dragged) pick(mark ? mark.dataset.key : null);
  });
  new ResizeObserver(() => layout()).observe(pane);
  return api;
}
