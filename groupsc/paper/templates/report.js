"use strict";

// The sort key of a cell: its number if it has one, otherwise its text.
function key(cell) {
  const text = (cell.dataset.value ?? cell.textContent).trim().replace("−", "-");
  const found = text.match(/^([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)([kM]?)(?=$|[\s\/±;:(])/i);
  if (text === "" || text === "–" || text === "not run") return null;
  return found ? Number(found[1]) * {"": 1, k: 1e3, m: 1e6}[found[2].toLowerCase()] : text;
}

function compare(one, other) {
  if (one === null || other === null) return (one === null) - (other === null);
  const numbers = typeof one === "number" && typeof other === "number";
  return numbers ? one - other : String(one).localeCompare(String(other), undefined, {numeric: true});
}

// Rows that begin with an arrow or an empty label belong to the row above and stay below it.
function groups(body) {
  const found = [];
  for (const row of body.rows) {
    const label = row.cells[0].textContent.trim();
    if (found.length && (label.startsWith("↳") || label === "")) found.at(-1).push(row);
    else found.push([row]);
  }
  return found;
}

// Empty labels repeat the label above; they are filled in, since sorting moves the rows.
function fillLabels(table) {
  let above = "";
  for (const row of table.tBodies[0].rows) {
    const cell = row.cells[0];
    if (!cell.classList.contains("label")) return;
    if (cell.textContent.trim() === "") cell.textContent = above;
    above = cell.textContent;
  }
}

function sort(table, column, button) {
  const heading = button.closest("th");
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const lines = groups(table.tBodies[0]).map(rows => {
    const keys = rows.map(row => key(row.cells[column]));
    return {rows, key: keys[0] ?? keys.find(value => value !== null) ?? null};
  });
  lines.sort((one, other) => {
    const order = compare(one.key, other.key);
    return descending && one.key !== null && other.key !== null ? -order : order;
  });
  table.tBodies[0].append(...lines.flatMap(line => line.rows));
}

for (const table of document.querySelectorAll("table.sortable")) {
  fillLabels(table);
  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.scope = "col";
    const first = table.tBodies[0].rows[0]?.cells[column];
    if (first?.matches(".label, .note, .long td:not(.number)")) heading.classList.add("words");
    button.addEventListener("click", () => sort(table, column, button));
  });
}

for (const part of document.querySelectorAll(".compare")) {
  const stage = part.querySelector(".stage");
  const range = stage.querySelector("input");
  const move = () => {
    stage.style.setProperty("--x", range.value + "%");
    range.setAttribute("aria-valuetext", range.value + " percent from the left");
  };
  range.addEventListener("input", move);
  move();
  const sources = [...part.querySelector("template").content.children].map(image => image.getAttribute("src"));
  for (const choice of part.querySelectorAll("select")) {
    const image = stage.querySelector("." + choice.dataset.side);
    sources[choice.value] = image.src;
    choice.addEventListener("change", () => {
      image.src = sources[choice.value];
      image.alt = choice.selectedOptions[0].textContent;
    });
  }
}

const filter = document.getElementById("filter");
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  let shown = 0;
  for (const row of document.querySelector("table.long").tBodies[0].rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(word => text.includes(word));
    shown += !row.hidden;
  }
  document.getElementById("count").textContent = `${shown} lines`;
});
