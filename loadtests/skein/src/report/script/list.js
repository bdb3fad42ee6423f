// Filters and sorts the list. Without it every row is shown, the newest first.
"use strict";
{
  const table = document.querySelector("#reports table");
  const form = document.querySelector("#filter");
  const shown = document.querySelector("#shown");

  const filter = () => {
    const wanted = [...new FormData(form)].filter(([, value]) => value !== "");
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      row.hidden = !wanted.every(([name, value]) => row.dataset[name] === value);
    }
    shown.value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
  };

  const compare = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };

  // What has no value in a column is last, whichever way it is sorted.
  const sort = (head) => {
    const key = head.dataset.sort;
    const falls = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", falls ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    const known = rows.filter((row) => key in row.dataset);
    const unknown = rows.filter((row) => !(key in row.dataset));
    known.sort((a, b) => compare(a.dataset[key], b.dataset[key]) * (falls ? -1 : 1));
    table.tBodies[0].append(...known, ...unknown);
  };

  if (table) {
    form.hidden = false;
    form.addEventListener("change", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sort(head));
      head.append(button);
    }
    table.tHead.rows[0].cells[0].setAttribute("aria-sort", "descending");
    // A browser that comes back to the page may have kept what was chosen.
    addEventListener("pageshow", filter);
  }
}
