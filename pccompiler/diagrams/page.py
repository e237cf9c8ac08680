"""Style and script of the HTML page."""

STYLE = """
*{box-sizing:border-box}
html,body{margin:0;height:100%}
body{display:flex;flex-direction:column;background:var(--paper);color:var(--ink);
font:14px/1.4 system-ui,sans-serif}
header,footer{padding:.5rem 1rem}
header{padding-right:11rem}
h1{font-size:1.1rem;margin:0}
header p{margin:0;color:var(--quiet)}
footer{color:var(--quiet);font-size:.8rem}
#stage{flex:1;min-height:0;overflow:hidden;touch-action:none;cursor:grab;outline-offset:-2px}
#stage.moving{cursor:grabbing}
#stage svg{display:block;width:100%;height:100%;user-select:none}
nav{position:fixed;right:1rem;top:.6rem;display:flex;gap:.3rem}
button{min-width:2rem;height:2rem;border:1px solid var(--quiet);border-radius:5px;
background:var(--shade);color:var(--ink);font:inherit;cursor:pointer}
#legend{position:fixed;right:1rem;bottom:.6rem;padding:.2rem .5rem;border:1px solid var(--quiet);
border-radius:6px;background:var(--paper);color:var(--quiet);font-size:.8rem}
#legend svg{display:block}
#facts{position:fixed;max-width:24rem;padding:.5rem .7rem;border:1px solid var(--quiet);
border-radius:6px;background:var(--shade);pointer-events:none;overflow-wrap:anywhere}
#facts b{display:block}
#facts table{border-collapse:collapse}
#facts th{font-weight:normal;text-align:left;vertical-align:top;color:var(--quiet);
padding-right:.8rem}
[data-key]{cursor:help;outline:none}
.node:focus-visible rect,.node:focus-visible polygon{stroke-width:3}
svg.pointed .network>[data-key]{opacity:.3}
svg.pointed .network>[data-key].near{opacity:1}
"""

SCRIPT = """
"use strict";
const stage = document.getElementById("stage"), svg = stage.querySelector("svg");
const panel = document.getElementById("facts");
const known = JSON.parse(document.getElementById("known").textContent);
const box = svg.viewBox.baseVal, drawn = {width: box.width, height: box.height};
const groups = [...svg.querySelectorAll("[data-key]")];
svg.removeAttribute("width");
svg.removeAttribute("height");

// What is seen: the viewBox, which zooming and moving change. It has the shape of the window.
let seen = stage.getBoundingClientRect();
function view(x, y, width) {
  const room = seen = stage.getBoundingClientRect();
  box.x = x; box.y = y; box.width = width; box.height = width * room.height / room.width;
}
function centred(size, top) {
  const room = stage.getBoundingClientRect(), width = room.width * size;
  view((drawn.width - width) / 2, top ? 0 : (drawn.height - room.height * size) / 2, width);
}
function all() {
  const room = stage.getBoundingClientRect();
  centred(Math.max(drawn.width / room.width, drawn.height / room.height));
}
function start() {
  // As large as fits, but no larger than drawn; what is too tall to be read begins at its top.
  const room = stage.getBoundingClientRect();
  const wide = Math.max(drawn.width / room.width, 1), high = drawn.height / room.height;
  centred(high > 2 * wide ? wide : Math.max(wide, high), high > 2 * wide);
}
function place(event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
}
function zoom(factor, at) {
  at = at || {x: box.x + box.width / 2, y: box.y + box.height / 2};
  const least = drawn.width / 200, most = 8 * Math.max(drawn.width, drawn.height);
  const width = Math.min(most, Math.max(least, box.width / factor)), kept = width / box.width;
  view(at.x - (at.x - box.x) * kept, at.y - (at.y - box.y) * kept, width);
}
stage.addEventListener("wheel", event => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 33 : 1;
  zoom(Math.exp(-event.deltaY * lines / 500), place(event));
}, {passive: false});
document.getElementById("closer").onclick = () => zoom(1.4);
document.getElementById("farther").onclick = () => zoom(1 / 1.4);
document.getElementById("whole").onclick = all;
addEventListener("resize", () => { // what stood in the middle stays there, as large as it was
  if (!seen.width || !seen.height) return start();
  const x = box.x + box.width / 2, y = box.y + box.height / 2, size = box.width / seen.width;
  const room = stage.getBoundingClientRect(), width = room.width * size;
  view(x - width / 2, y - room.height * size / 2, width);
});
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = box.width / 10;
  const act = {
    "+": () => zoom(1.4), "=": () => zoom(1.4), "-": () => zoom(1 / 1.4), "0": all,
    ArrowLeft: () => { box.x -= step; }, ArrowRight: () => { box.x += step; },
    ArrowUp: () => { box.y -= step; }, ArrowDown: () => { box.y += step; },
    Escape: leave,
  }[event.key];
  if (act) { act(); event.preventDefault(); }
});

// Moving, with one finger or the mouse; two fingers zoom.
const fingers = new Map();
let apart = 0;
stage.addEventListener("pointerdown", event => {
  fingers.set(event.pointerId, event);
  stage.setPointerCapture(event.pointerId);
  stage.classList.add("moving");
  apart = 0;
});
stage.addEventListener("pointermove", event => {
  if (!fingers.has(event.pointerId)) return;
  const before = fingers.get(event.pointerId), from = place(before), to = place(event);
  fingers.set(event.pointerId, event);
  if (fingers.size === 1) {
    box.x += from.x - to.x;
    box.y += from.y - to.y;
    return;
  }
  const [a, b] = [...fingers.values()];
  const now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  if (apart) zoom(now / apart, place({clientX: (a.clientX + b.clientX) / 2,
                                      clientY: (a.clientY + b.clientY) / 2}));
  apart = now;
});
function lifted(event) {
  fingers.delete(event.pointerId);
  apart = 0;
  if (!fingers.size) stage.classList.remove("moving");
}
stage.addEventListener("pointerup", lifted);
stage.addEventListener("pointercancel", lifted);

// What is known of what is pointed at.
function show(key, x, y) {
  const {name, facts, ends} = known[key];
  const title = document.createElement("b"), table = document.createElement("table");
  title.textContent = name;
  for (const [word, value] of facts) {
    const row = table.insertRow(), head = document.createElement("th");
    head.textContent = word;
    row.append(head);
    row.insertCell().textContent = value || "yes";
  }
  panel.replaceChildren(title, table);
  panel.hidden = false;
  const size = panel.getBoundingClientRect();
  panel.style.left = Math.max(8, Math.min(x + 16, innerWidth - size.width - 8)) + "px";
  const below = y + 16 + size.height < innerHeight;
  panel.style.top = Math.max(8, below ? y + 16 : y - size.height - 12) + "px";
  const near = new Set([key, ...(ends || [])]);
  for (const [other, {ends: two}] of Object.entries(known))
    if (two && two.includes(key)) [other, ...two].forEach(end => near.add(end));
  groups.forEach(g => g.classList.toggle("near", near.has(g.dataset.key)));
  svg.classList.add("pointed");
}
function leave() {
  panel.hidden = true;
  svg.classList.remove("pointed");
}
for (const g of groups) {
  const {name, facts} = known[g.dataset.key];
  if (g.matches(".label")) continue;
  g.querySelector("title").remove(); // the panel says it
  g.setAttribute("aria-label", name + ": " + facts.map(f => f.join(" ")).join(", "));
  g.setAttribute("tabindex", "0");
  for (const line of g.matches(".edge") ? g.querySelectorAll("path") : []) {
    const wide = line.cloneNode(); // thin lines are hard to hit
    wide.setAttribute("stroke", "transparent");
    wide.setAttribute("stroke-width", "12");
    wide.removeAttribute("stroke-dasharray");
    g.append(wide);
  }
  g.addEventListener("focus", () => {
    if (!g.matches(":focus-visible")) return;
    const at = g.getBoundingClientRect();
    show(g.dataset.key, (at.left + at.right) / 2, at.bottom);
  });
  g.addEventListener("blur", leave);
}
svg.addEventListener("pointermove", event => {
  const over = event.target.closest("[data-key]");
  if (over && !fingers.size) show(over.dataset.key, event.clientX, event.clientY);
  else leave();
});
svg.addEventListener("pointerleave", leave);
start();
"""
