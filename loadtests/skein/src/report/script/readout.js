// Reads charts out under the pointer, and with the arrow keys: the figures are those of
// the row of the chart's table that belongs to the place. Nothing depends on it.
"use strict";
for (const plot of document.querySelectorAll("[data-reads-out]")) {
  const table = plot.parentElement.querySelector("details table");
  const area = plot.querySelector(".area");
  const rows = table ? table.tBodies[0].rows : [];
  if (!rows.length) continue;
  const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const cursor = document.createElement("div");
  const readout = document.createElement("div");
  cursor.className = "cursor";
  readout.className = "readout";
  readout.setAttribute("aria-live", "polite");
  cursor.hidden = readout.hidden = true;
  area.append(cursor, readout);
  // The steps of a run may end before its axis does.
  const reach = Number(plot.dataset.readsOut) || 1;
  let at = -1;
  const show = (row) => {
    at = Math.max(0, Math.min(rows.length - 1, row));
    const cells = [...rows[at].cells].map((cell) => cell.textContent);
    const place = ((at + 0.5) / rows.length) * reach;
    const name = document.createElement("b");
    name.textContent = cells[0];
    const lines = cells.slice(1).map((cell, index) => {
      const line = document.createElement("div");
      line.textContent = `${heads[index + 1]}: ${cell}`;
      return line;
    });
    readout.replaceChildren(name, ...lines);
    cursor.hidden = readout.hidden = false;
    cursor.style.left = `${place * 100}%`;
    const right = place > 0.5;
    readout.style.left = right ? "" : `calc(${place * 100}% + .5rem)`;
    readout.style.right = right ? `calc(${(1 - place) * 100}% + .5rem)` : "";
  };
  const hide = () => { cursor.hidden = readout.hidden = true; };
  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    show(Math.floor(((event.clientX - box.left) / box.width / reach) * rows.length));
  });
  area.addEventListener("pointerleave", hide);
  area.tabIndex = 0;
  area.setAttribute("role", "group");
  area.setAttribute("aria-label", "Read out with the arrow keys");
  area.addEventListener("blur", hide);
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) { show(at + step); event.preventDefault(); }
    if (event.key === "Escape") hide();
  });
}
