"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const all = (where, what) => Array.from(where.querySelectorAll(what));
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  const show = (card, page) => {
    for (const figure of all(card, ".page")) figure.classList.toggle("current", figure.dataset.page === page);
    for (const tab of all(card, ".tabs button")) tab.setAttribute("aria-pressed", String(tab.dataset.page === page));
  };

  let lit = null;
  const light = (id) => {
    if (id === lit) return;
    for (const old of all(document, ".lit")) old.classList.remove("lit");
    for (const old of all(document, ".dimmed")) old.classList.remove("dimmed");
    lit = id;
    if (!id) return;
    const row = document.getElementById(id);
    const card = row.closest(".card");
    row.classList.add("lit");
    const marks = all(card, ".mark").filter((mark) => mark.dataset.field === id);
    for (const mark of marks) {
      mark.classList.add("lit");
      mark.closest("svg").classList.add("dimmed");
    }
    // Stay on the page that is open if the field is on it; else go where it is likeliest.
    if (!marks.some((mark) => mark.closest(".page.current"))) {
      const mark = marks.find((mark) => !mark.classList.contains("other")) || marks[0];
      if (mark) show(card, mark.closest(".page").dataset.page);
    }
  };
  const fieldAt = (target) => {
    const mark = target.closest(".mark");
    if (mark) return mark.dataset.field;
    const row = target.closest("tr.boxed");
    return row ? row.id : null;
  };

  document.addEventListener("pointerover", (event) => {
    const id = fieldAt(event.target);
    const focused = document.activeElement.closest("tr.boxed");
    light(id || (focused ? focused.id : null));
  });
  document.addEventListener("focusin", (event) => light(fieldAt(event.target)));
  document.addEventListener("focusout", () => light(null));
  document.addEventListener("click", (event) => {
    const tab = event.target.closest(".tabs button");
    if (tab) return show(tab.closest(".card"), tab.dataset.page);
    const mark = event.target.closest(".mark");
    const row = event.target.closest("tr.boxed");
    if (mark) {
      const found = document.getElementById(mark.dataset.field);
      found.focus({ preventScroll: true });
      found.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    } else if (row) toPage(row);
  });
  const toPage = (row) => {
    const page = row.closest(".card").querySelector(".page.current");
    if (page) page.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
  };

  const search = document.getElementById("search");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && search && event.target !== search) {
      event.preventDefault();
      search.focus();
      return;
    }
    const row = event.target.closest ? event.target.closest("tr.boxed") : null;
    if (!row) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      toPage(row);
    } else if (event.key === "Escape") row.blur();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const rows = all(row.parentNode, "tr.boxed");
      const next = rows[rows.indexOf(row) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    }
  });

  if (!search) return;
  const cards = all(document, ".card").map((card) => ({
    card,
    status: card.dataset.status,
    text: (card.querySelector("h2").title + " " + all(card, ".value, .errors").map((e) => e.textContent).join(" ")).toLowerCase(),
  }));
  let status = "";
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const entry of cards) {
      const fits = (!status || entry.status === status) && entry.text.includes(wanted);
      entry.card.hidden = !fits;
      count += fits;
    }
    document.getElementById("nothing").hidden = count > 0;
  };
  search.addEventListener("input", filter);
  for (const button of all(document, ".filters button")) {
    button.addEventListener("click", () => {
      status = button.dataset.status;
      for (const other of all(document, ".filters button")) other.setAttribute("aria-pressed", String(other === button));
      filter();
    });
  }
})();
