// The first page: verdict, counts, coverage and the causes, at a glance.

function overview() {
  return [
    h("div", { class: "top" }, verdict(), shares()),
    h("section", { class: "section" }, h("h2", {}, R.causes.length ? "Causes" : "No differences"), causeLinks()),
    h("section", { class: "section" }, h("h2", {}, coverageTitle()), h("div", { class: "coverage" }, h("div", {}, matrix(), matrixLegend()), gapList())),
  ];
}

function verdict() {
  const run = `${LEFT} (primary) against ${RIGHT}, ${R.created.replace("T", " ").replace(/(\.\d+)?(Z|\+00:00)$/, " UTC")}, ${R.duration_s.toFixed(1)} s`;
  return h("div", {}, h("h1", {}, R.headline), h("p", { class: "notes" }, run),
    h("ul", { class: "reasons" }, R.reasons.filter((reason) => !R.headline.endsWith(reason)).map((reason) => h("li", {}, reason))));
}

function shares() {
  const numbers = Object.fromEntries(R.numbers);
  const parts = ["equal", "accepted", "different", "skipped"];
  const bar = h("div", { class: "share", role: "img", "aria-label": parts.map((name) => `${count(numbers[name])} ${name}`).join(", ") },
    parts.filter((name) => numbers[name]).map((name) => {
      const part = h("i", { class: name, title: `${count(numbers[name])} ${name}` });
      part.style.flex = `${numbers[name]} 1 0`;
      return part;
    }));
  const counts = h("dl", { class: "counts", id: "counts" }, R.numbers.map(([name, number]) =>
    h("div", { class: parts.includes(name) ? name : name === "differences" ? "plain turned" : "plain" }, h("dt", {}, name), h("dd", { "data-count": name }, count(number)))));
  const examples = (reason) => (R.counts.not_carried_examples[reason] || []).join(", ");
  const notes = [...Object.entries(R.counts.skipped), ...Object.entries(R.counts.not_carried).map(([reason, number]) => [examples(reason) ? `${reason}, e.g. ${examples(reason)}` : reason, number])]
    .map(([reason, number]) => h("p", { class: "notes" }, `${count(number)} × ${reason}`));
  return h("div", {}, bar, counts, notes);
}

function causeLinks() {
  const alone = LEFT === RIGHT && (R.golden.different ? "What differs from the approved answers is under Witnesses." : "Every answer that was compared is the approved one.");
  if (!R.causes.length) return h("p", { class: "muted" }, alone || "Every exchange that was compared is equal on both stacks.");
  const shown = R.causes.slice(0, 12);
  const open = (cause) => h("li", {}, h("button", { type: "button", onclick: () => go("differences", cause.groups[0]) },
    h("span", { class: "title" }, arrows(cause.title), " ", stateOf(ofCause(cause, GROUPS))), h("span", { class: "meta" }, many(cause.count, "difference"))));
  return h("ul", { class: "card links" }, shown.map(open),
    R.causes.length > shown.length && h("li", {}, h("button", { type: "button", onclick: () => go("differences") }, `and ${many(R.causes.length - shown.length, "more cause")}`)));
}

function stateOf(groups) {
  const state = ["unexplained", "caused_by", "accepted"].find((name) => groups.some((group) => group.state === name));
  return state && chip(state);
}

function coverageTitle() {
  if (!R.matrix.rows.some((line) => Object.values(line.cells).some((cell) => cell.wanted))) return "No coverage was asked for (parity.expected).";
  const share = (part) => `${(part * 100).toFixed(1).replace(/\.0$/, "")} %`;
  return `Coverage ${share(R.coverage.met)} of what is wanted, ${share(R.coverage.required)} required`;
}

function matrix() {
  if (!R.matrix.rows.length) return h("p", { class: "muted" }, "Nothing was asked for and nothing was seen.");
  const body = h("tbody", {});
  let area = null;
  for (const line of R.matrix.rows) {
    if (line.group !== area) body.append(h("tr", { class: "area" }, h("th", { colspan: R.matrix.columns.length + 1, scope: "colgroup" }, (area = line.group))));
    body.append(h("tr", {}, h("th", { scope: "row" }, h("span", { class: "method" }, line.method), h("span", { class: "route" }, line.route)),
      R.matrix.columns.map((column) => h("td", {}, field(line, column, line.cells[column])))));
  }
  return h("div", { class: "card scroll fit" }, h("table", { class: "matrix" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Route"), R.matrix.columns.map((column) => h("th", { scope: "col" }, column)))), body));
}

function field(line, column, found) {
  if (!found) return null;
  const route = `${line.method} ${line.route}`;
  if (!found.seen) return h("span", { class: "field gap", role: "img", "aria-label": `${route} ${column}: wanted, never seen`, title: "wanted, never seen" }, "none");
  const kind = found.different ? "bad" : found.wanted ? (found.missing ? "gap" : "good") : "extra";
  const said = `${route} ${column}: ${count(found.seen)} seen, ${count(found.different)} different${found.wanted ? "" : ", not asked for"}`;
  return h("button", { class: `field ${kind}`, type: "button", "aria-label": said, title: said, onclick: () => go("exchanges", null, { route, status: column }) },
    found.different ? `${count(found.different)} / ${count(found.seen)}` : count(found.seen));
}

function matrixLegend() {
  const part = (kind, text, said) => h("span", {}, h("span", { class: `field ${kind}`, "aria-hidden": "true" }, text), said);
  return R.matrix.rows.length > 0 && h("div", { class: "legend" }, part("good", "12", "seen, all equal"), part("bad", "1 / 12", "of them different"),
    part("gap", "none", "wanted, never seen"), part("extra", "3", "seen, not asked for"));
}

// What is missing, once more as a list: this is what somebody has to record next.
function gapList() {
  const gaps = R.matrix.rows.flatMap((line) => R.matrix.columns.filter((column) => line.cells[column] && line.cells[column].missing).map((column) => [line, column]));
  return gaps.length > 0 && h("aside", { class: "card gaps", "aria-label": "Never seen" }, h("h3", {}, `Never seen: ${many(gaps.length, "gap")}`),
    h("ul", {}, gaps.map(([line, column]) => h("li", {}, h("b", {}, column), " ", h("span", { class: "method" }, line.method), " ", h("span", { class: "route" }, line.route)))));
}
