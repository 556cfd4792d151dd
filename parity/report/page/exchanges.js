// Every exchange in one list. Only the lines in sight are in the document, so any number of them scrolls well.

const LINE = 28;
const SPARE = 12;

function exchangeList(found) {
  const port = h("div", { class: "port", tabindex: "0", role: "grid", "aria-label": "Exchanges", "aria-rowcount": found.length, id: "port" });
  const space = h("div", { role: "rowgroup" });
  space.style.height = `${found.length * LINE}px`;
  port.append(space);
  const panel = h("div", { class: "panel" });
  const lines = new Map();
  let chosen = -1;

  function draw() {
    const first = Math.max(0, Math.floor(port.scrollTop / LINE) - SPARE);
    const last = Math.min(found.length, Math.ceil((port.scrollTop + port.clientHeight) / LINE) + SPARE);
    for (const [number, line] of lines) if (number < first || number >= last) line.remove(), lines.delete(number);
    for (let number = first; number < last; number += 1) {
      if (lines.has(number)) continue;
      const line = oneLine(found[number], number, () => choose(number));
      lines.set(number, line);
      space.append(line);
    }
    for (const [number, line] of lines) line.setAttribute("aria-selected", String(number === chosen));
    port.setAttribute("aria-activedescendant", lines.has(chosen) ? lines.get(chosen).id : "");
  }

  function choose(number, quiet) {
    if (number < 0 || number >= found.length) return;
    chosen = number;
    port.parentNode.classList.add("chosen");
    const top = number * LINE;
    if (top < port.scrollTop || quiet) port.scrollTop = Math.max(0, top - (quiet ? 3 * LINE : 0));
    if (top + LINE > port.scrollTop + port.clientHeight) port.scrollTop = top + LINE - port.clientHeight;
    draw();
    panel.replaceChildren(onePanel(found[number]));
    history.replaceState(null, "", `#exchanges/${encodeURIComponent(found[number].id)}`);
  }

  port.addEventListener("scroll", draw, { passive: true });
  port.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(port.clientHeight / LINE) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -chosen, End: found.length - 1 - chosen };
    if (!(event.key in steps)) return;
    event.preventDefault();
    choose(Math.min(found.length - 1, Math.max(0, chosen + steps[event.key])));
  });
  // Sizes are known once it is in the document.
  requestAnimationFrame(() => {
    draw();
    const wanted = state.target ? found.findIndex((one) => one.id === state.target) : -1;
    if (wanted >= 0) choose(wanted, true);
  });
  const statuses = h("span", { class: "statuses" }, ["recorded", LEFT, RIGHT].map((name) => h("span", { title: name }, name)));
  const head = h("div", { class: "head", "aria-hidden": "true" }, h("span", {}, "#"), h("span", { class: "wide" }, "Method"), h("span", {}, "Target"),
    h("span", { class: "wide" }, "Route"), statuses, h("span", {}, "Verdict"));
  return found.length ? [h("div", { class: "card list" }, head, port), panel] : [nothing()];
}

function oneLine(one, number, choose) {
  const status = (value) => (value === null ? "–" : value === 0 ? "broken" : String(value));
  const statuses = [one.recorded, one.left, one.right].map(status);
  const line = h("div", { class: "line", role: "row", id: `line-${number}`, "aria-rowindex": number + 1, onclick: choose },
    h("span", { class: "number", role: "gridcell" }, one.seq),
    h("span", { class: "method wide", role: "gridcell" }, one.method),
    h("span", { class: "route", role: "gridcell", title: cut(`${one.method} ${one.target}`, 1000) }, h("span", { class: "method narrow", "aria-hidden": "true" }, one.method), cut(one.target, 300)),
    h("span", { class: "route wide muted", role: "gridcell", title: one.route }, one.route),
    h("span", { class: "statuses", role: "gridcell" }, h("span", { class: "muted" }, statuses[0]), h("span", {}, statuses[1]),
      h("span", { class: statuses[1] === statuses[2] ? null : "odd" }, statuses[2])),
    h("span", { role: "gridcell" }, chip(one.verdict)));
  line.style.top = `${number * LINE}px`;
  return line;
}

function onePanel(one) {
  const detail = R.details[one.id];
  const groups = one.groups.map((id) => GROUPS.get(id)).filter(Boolean);
  const told = [
    h("dl", { class: "facts" },
      h("div", {}, h("dt", {}, "session"), h("dd", {}, one.session || "–")),
      h("div", {}, h("dt", {}, "route group"), h("dd", {}, one.area || "–")),
      h("div", {}, h("dt", {}, "statuses"), h("dd", {}, `recorded ${one.recorded ?? "–"}, ${LEFT} ${one.left ?? "–"}, ${RIGHT} ${one.right ?? "–"}`)),
      one.reason && h("div", {}, h("dt", {}, "skipped"), h("dd", {}, one.reason))),
    groups.length > 0 && h("ul", {}, groups.map((group) => h("li", {}, chip(group.state), " ",
      h("button", { class: "link", type: "button", onclick: () => go("differences", group.id) }, `${group.where} ${group.axis} ${group.path}`)))),
    detail ? exchange(detail, groups.length ? groups[0].where : "answer")
      : h("p", { class: "muted" }, one.groups.length ? "Answers are kept whole only for the examples of a group; open the group above to see one." : "Both answers were equal; they are not kept."),
  ];
  return h("article", { class: "card", "aria-label": `Exchange ${one.id}` },
    h("header", {}, chip(one.verdict), h("span", { class: "method" }, one.method), h("span", { class: "route clip", title: cut(one.target, 1000) }, cut(one.target, 300)), h("span", { class: "muted" }, one.id)),
    h("div", { class: "detail" }, told));
}
