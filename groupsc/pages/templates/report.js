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
  const views = [...part.querySelector("template").content.children];
  const [natural, error] = part.querySelectorAll("input[type=checkbox]");
  const move = () => {
    stage.style.setProperty("--x", range.value + "%");
    range.setAttribute("aria-valuetext", range.value + " percent from the left");
  };
  // The template does not repeat the two images that are shown first.
  for (const choice of part.querySelectorAll("select")) views[choice.value].setAttribute("src", stage.querySelector("." + choice.dataset.side).src);
  const show = () => {
    for (const choice of part.querySelectorAll("select")) {
      const image = stage.querySelector("." + choice.dataset.side);
      image.src = error.checked ? views[choice.value].dataset.error : views[choice.value].getAttribute("src");
      image.alt = (error.checked ? "Error of " : "") + choice.selectedOptions[0].textContent;
    }
    stage.classList.toggle("natural", natural.checked);
  };
  range.addEventListener("input", move);
  part.querySelector("div.controls").addEventListener("change", show);
  move();
}

// Make an SVG element with attributes and text.
function svg(name, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// Values for the grid lines of an axis: 1, 2 and 5 times powers of ten, on a logarithmic axis or as steps of a linear one.
function ticks(low, high, logarithmic) {
  const powers = [...Array(16).keys()].map(power => power - 6);
  const round = powers.flatMap(power => [1, 2, 5].map(digit => digit * 10 ** power));
  if (logarithmic) return round.filter(value => value >= low && value <= high);
  const step = round.find(value => (high - low) / value <= 6);
  const first = Math.ceil(low / step);
  return [...Array(Math.floor(high / step) - first + 1).keys()].map(number => (first + number) * step);
}

// The plot of PSNR against parameters or seconds, from the table of values below it.
function drawPlot() {
  const [setting, against, whose] = ["setting", "against", "whose"].map(id => document.getElementById(id).value);
  const column = {parameters: 3, seconds: 4}[against];
  const points = [...document.getElementById("points").tBodies[0].rows]
    .filter(row => row.cells[1].textContent === setting && (!whose || row.dataset.whose === whose) && row.cells[column].dataset.value)
    .map(row => ({row, x: Number(row.cells[column].dataset.value), y: Number(row.cells[2].dataset.value)}))
    .filter(point => point.x > 0);
  const told = document.getElementById("told");
  told.textContent = points.length ? "Point at a method, or move to it with the tab key, to read its values." : "No values.";
  const place = document.getElementById("plot");
  const [width, height, left, bottom] = [place.clientWidth, 380, 60, 50];
  const drawing = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": `PSNR against ${against}, ${setting}`});
  place.replaceChildren(drawing);
  if (!points.length) return;
  const [xs, ys] = [points.map(point => point.x), points.map(point => point.y)];
  const [low, high] = [Math.min(...xs) / 1.6, Math.max(...xs) * 1.6];
  const margin = 0.12 * (Math.max(...ys) - Math.min(...ys)) || 0.5;
  const [floor, top] = [Math.min(...ys) - margin, Math.max(...ys) + margin];
  const x = value => left + (width - left - 10) * Math.log(value / low) / Math.log(high / low);
  const y = value => (height - bottom) - (height - bottom - 10) * (value - floor) / (top - floor);
  for (const value of ticks(low, high, true)) {
    drawing.append(svg("line", {class: "grid", x1: x(value), x2: x(value), y1: 10, y2: height - bottom}));
    const words = value >= 1e6 ? value / 1e6 + "M" : value >= 1e3 ? value / 1e3 + "k" : Number(value.toPrecision(1));
    drawing.append(svg("text", {x: x(value), y: height - bottom + 20, "text-anchor": "middle"}, words));
  }
  for (const value of ticks(floor, top, false)) {
    drawing.append(svg("line", {class: "grid", x1: left, x2: width - 10, y1: y(value), y2: y(value)}));
    drawing.append(svg("text", {x: left - 8, y: y(value) + 4, "text-anchor": "end"}, Number(value.toFixed(2))));
  }
  drawing.append(svg("text", {x: width - 10, y: height - 6, "text-anchor": "end"}, against === "seconds" ? "seconds per image" : "trained parameters"));
  drawing.append(svg("text", {x: left + 4, y: 24}, "PSNR (dB)"));
  const names = [];
  for (const {row, x: cost, y: psnr} of points) {
    const [name, , decibels, parameters, seconds, images, , device] = [...row.cells].map(cell => cell.textContent);
    const words = `${name}: ${decibels} dB, ${parameters || "no"} trained parameters, ${seconds} seconds per image${device && ` on ${device}`}, ${images}`;
    const mark = svg("circle", {class: `mark ${row.dataset.whose}${images.includes(" of ") ? " part" : ""}`, cx: x(cost), cy: y(psnr), r: 7, tabindex: 0, role: "img", "aria-label": words});
    for (const event of ["mouseenter", "focus"]) mark.addEventListener(event, () => { told.textContent = words; });
    drawing.append(mark);
    names.push([name, x(cost), y(psnr)]);
  }
  for (const [name, cost, psnr] of names) {
    drawing.append(svg("text", {class: "name", "aria-hidden": "true"}, name));
    placeName(drawing, cost, psnr);
  }
}

// Put the last name of the plot where it covers the least of the points, of the other names and of what is outside, near its point (x, y).
function placeName(drawing, x, y) {
  const name = drawing.lastChild, width = drawing.viewBox.baseVal.width;
  const taken = [...drawing.querySelectorAll(".mark, .name")].filter(other => other !== name).map(other => other.getBBox());
  const shared = (a, b) => Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
    Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));
  const move = place => { for (const [key, value] of Object.entries(place)) name.setAttribute(key, value); };
  const covered = place => {
    move(place);
    const box = name.getBBox(), outside = Math.max(0, -box.x, box.x + box.width - width);
    return taken.reduce((area, other) => area + shared(box, other), outside * box.height);
  };
  const places = [4, -10, 18, -24, 32].flatMap(down => [{x: x + 11, y: y + down, "text-anchor": "start"}, {x: x - 11, y: y + down, "text-anchor": "end"}]);
  const areas = places.map(covered);
  move(places[areas.indexOf(Math.min(...areas))]);
}

if (document.getElementById("points")) {
  for (const id of ["setting", "against", "whose"]) document.getElementById(id).addEventListener("change", drawPlot);
  window.addEventListener("resize", drawPlot);
  drawPlot();
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
