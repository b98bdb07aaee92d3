// Making elements. Text is always set as text, never as markup: what documents say is data.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Attributes that are functions are listeners; false and null leave one out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "style") for (const [key, rule] of Object.entries(value)) element.style.setProperty(key, rule);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

/** Text of a document, whose direction is its own affair. */
export const say = (text, attributes = {}) => h("bdi", attributes, text);

const ICONS = {
  back: "M10 3 5 8l5 5",
  next: "m6 3 5 5-5 5",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  page: "M4 2.5h8v11H4z",
  width: "M2 3v10M14 3v10M5 8h6M6.5 6 4.5 8l2 2M9.5 6l2 2-2 2",
  boxes: "M2.5 3.5h7v4h-7zM6.5 10h7v3h-7z",
  passed: "m3.5 8.5 3 3 6-7",
  failed: "m4 4 8 8m0-8-8 8",
  unknown: "M4 8h8",
};

/** A small drawing that repeats what the words beside it, or its button's label, say. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A share as whole percents, rounded down: what is not quite sure never shows as 100%. */
export const percent = (share) => `${Math.floor(Math.min(1, Math.max(0, share)) * 100 + 1e-9)}%`;

export const number = (value) => value.toLocaleString("en");

export const count = (value, noun) => `${number(value)} ${noun}${value === 1 ? "" : "s"}`;

/** A confidence, 0 to 1 or null: a bar and its number. */
export function confidence(share, what = "Confidence") {
  if (share === null || share === undefined) return h("span", { class: "sure none" }, "–");
  const level = share >= 0.9 ? "high" : share >= 0.6 ? "middle" : "low";
  const told = percent(share);
  return h("span", { class: `sure ${level}`, title: `${what} ${told}` },
    h("span", { class: "meter", "aria-hidden": "true" }, h("span", { style: { width: told } })), told);
}

export const badge = (state) => h("span", { class: `badge ${state}` }, state);

/** A button that shows a drawing; `label` is its name, `key` the key that does the same. */
export function tool(drawing, label, key, click, more = {}) {
  const title = key ? `${label} (${key})` : label;
  return h("button", { type: "button", class: "tool", "aria-label": label, title, click, ...more }, icon(drawing));
}

const COLOURS = ["#2563eb", "#d9480f", "#0b8457", "#9333ea", "#c2255c", "#0b7285", "#8a6100", "#5c5f66", "#4d7c0f", "#a21caf"];
const chosen = new Map();

/** The colour of a label: the same for as long as the page is open. */
export function colour(label) {
  if (!chosen.has(label)) {
    const at = chosen.size;
    // Beyond the chosen ones: hues by the golden angle, so that neighbours differ.
    chosen.set(label, COLOURS[at] ?? `hsl(${Math.round((at * 137.5) % 360)} 62% 38%)`);
  }
  return chosen.get(label);
}

/** Tell those who do not see the screen. */
export function announce(text) {
  document.getElementById("news").textContent = text;
}

const waiting = new WeakMap();
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    observer.unobserve(target);
    waiting.get(target)?.();
    waiting.delete(target);
  }
}, { rootMargin: "300px" });

/** Call `act` once, when `element` comes near the visible part of the page. */
export function whenNear(element, act) {
  waiting.set(element, act);
  observer.observe(element);
  return element;
}
