// One exchange side by side: bodies with the differing leaves marked, headers, rows, effects, the request, curl.

const EQUAL_RUN = 10;
const AROUND = 3;

// Return where two texts differ: lengths of what they share at both ends.
function shared(left, right) {
  const most = Math.min(left.length, right.length);
  let head = 0;
  while (head < most && left[head] === right[head]) head += 1;
  let tail = 0;
  while (tail < most - head && left[left.length - 1 - tail] === right[right.length - 1 - tail]) tail += 1;
  return [head, tail];
}

const LONG = 360;

// Texts with the part marked in which they differ. The comma behind a value is no part of it.
function marked(text, other) {
  const [value, comma] = text.endsWith(",") ? [text.slice(0, -1), ","] : [text, ""];
  const against = (other || "").replace(/,$/, "");
  if (!against || value === against) return [text, "", ""];
  const [head, tail] = shared(value, against);
  return [value.slice(0, head), value.slice(head, value.length - tail), value.slice(value.length - tail) + comma];
}

// A long value is shown around what differs, and whole on demand.
function texts(parts, cutting) {
  const [head, middle, tail] = parts;
  const long = cutting && head.length + middle.length + tail.length > LONG;
  const shown = long ? [middle && head.length > 160 ? `${head.slice(0, 60)}…${head.slice(-60)}` : cut(head, 300), cut(middle, 160), middle ? cut(tail, 60) : ""] : parts;
  return [shown[0], shown[1] && h("mark", {}, shown[1]), shown[2], long && h("button", { class: "more", type: "button",
    onclick: (event) => event.target.parentNode.replaceChildren(...texts(parts, false).filter(Boolean)) }, `all ${count(head.length + middle.length + tail.length)} characters`)].filter(Boolean);
}

function cell(text, other, indent, classes) {
  if (text === null || text === undefined) return h("div", { class: `cell none ${classes}` });
  const differs = classes.includes("differs") || classes.includes("witnessed");
  const element = h("div", { class: `cell ${classes}` }, texts(differs ? marked(text, other) : [text, "", ""], true));
  element.style.paddingLeft = `${10 + indent * 14}px`;
  return element;
}

const bare = (text) => (text === null ? null : text.replace(/,$/, ""));
const isAlike = ([, left, right, , mark]) => !mark && left !== null && right !== null && bare(left) !== bare(right);

function row(line, recorded) {
  const [indent, left, right, third, mark, witness, begins, gap] = line;
  if (gap) return h("div", { class: "gap" }, `${many(gap, "line")} left out of the report`);
  const alike = isAlike(line);
  const classes = mark ? "differs" : alike ? "alike" : "";
  const cells = [cell(left, right, indent, classes), cell(right, left, indent, classes)];
  if (recorded) cells.unshift(cell(third, left, indent, witness ? "witnessed" : ""));
  const both = mark && witness && recorded;
  const tags = begins ? [mark && h("b", {}, mark), both && mark !== witness && " ", witness && recorded && mark !== witness && h("b", { class: "seen" }, witness)] : [];
  const title = alike ? "written differently, counts as equal: an id, a token or a time of this run" : null;
  return h("div", { class: "row", title }, cells, h("div", { class: "tag" }, tags));
}

function bodies(detail, recorded) {
  const head = (name, answer) => h("div", {}, h("b", {}, name),
    h("span", { class: "chip" }, answer.error ? "no answer" : String(answer.status)), h("span", { class: "muted" }, answer.error || size(answer)));
  const heads = [recorded && head("recorded", detail.recorded), head(LEFT, detail.left), head(RIGHT, detail.right)].filter(Boolean);
  return sides("Answers side by side", heads, detail.lines, recorded);
}

// Return lines next to each other; long runs without a difference open on demand.
function sides(name, heads, all, recorded) {
  const box = h("div", { class: "sides", role: "group", tabindex: "0", "aria-label": name });
  box.style.setProperty("--columns", recorded ? 3 : 2);
  box.append(h("div", { class: "head" }, heads));
  // What only the recorded answer has is of no use without it.
  const lines = recorded ? all : all.filter((line) => line[1] !== null || line[2] !== null || line[7]);
  const differs = lines.map((line) => Boolean(line[4] || line[7] || (recorded && line[5])));
  const rowAt = (at) => row(lines[at], recorded);
  const put = (from, to) => { for (let at = from; at < to; at += 1) box.append(rowAt(at)); };
  if (!lines.length) box.append(h("div", { class: "empty muted" }, "No bodies."));
  for (let at = 0; at < lines.length;) {
    let end = at;
    while (end < lines.length && !differs[end]) end += 1;
    const from = at === 0 ? at : Math.min(end, at + AROUND);
    const to = end === lines.length ? end : Math.max(from, end - AROUND);
    if (to - from < EQUAL_RUN || !differs.some(Boolean)) {
      put(at, end);
    } else {
      put(at, from);
      const button = h("button", { class: "gap", type: "button", onclick: () => button.replaceWith(...lines.slice(from, to).map((_, number) => rowAt(from + number))) },
        `⋯ ${many(to - from, "line")} without a difference`);
      box.append(button);
      put(to, end);
    }
    put(end, Math.min(lines.length, end + 1));
    at = end + 1;
  }
  return box;
}

// The bodies with a switch for the recorded answer, which is a third column and too much for a narrow window.
function answers(detail) {
  const part = h("section", {});
  const draw = (recorded) => part.replaceChildren(
    h("h4", {}, "Answers side by side", detail.lines.some(isAlike) ? h("span", { class: "muted" }, "dotted: written differently, counts as equal") : "",
      detail.recorded ? h("button", { class: "quiet", type: "button", "aria-pressed": String(recorded), onclick: () => draw(!recorded) }, recorded ? "Hide the recorded answer" : "Show the recorded answer") : ""),
    bodies(detail, recorded));
  draw(detail.recorded !== null && innerWidth > 1000);
  return part;
}

function size(answer) {
  const bytes = answer.body.size_bytes;
  const time = answer.elapsed_ms ? `${answer.elapsed_ms.toFixed(1)} ms, ` : "";
  return `${time}${count(bytes)} byte${bytes === 1 ? "" : "s"}${answer.body.cut ? ", cut" : ""}`;
}

function headers(detail) {
  const differing = new Set(detail.spots.filter((spot) => spot.where === "answer" && !spot.spot.startsWith("$")).map((spot) => spot.path.toLowerCase()));
  const names = [...new Set([...detail.left.headers, ...detail.right.headers].map(([name]) => name.toLowerCase()))].sort();
  const values = (answer, name) => answer.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => plain(value)).join("\n");
  return h("div", { class: "card scroll" }, h("table", { class: "headers" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Header"), h("th", { scope: "col" }, LEFT), h("th", { scope: "col" }, RIGHT))),
    h("tbody", {}, names.map((name) => h("tr", {}, h("td", {}, name),
      [detail.left, detail.right].map((answer) => h("td", { class: differing.has(name) ? "differs" : null }, values(answer, name))))))));
}

// Rows written: the two sides' changes of one kind on one table meet by number. Rows that are alike are folded away, and so
// are columns that stayed the same.
function rows(detail) {
  const spots = detail.spots.filter((spot) => spot.where === "rows").map((spot) => spot.path);
  const keys = (changes) => {
    const times = {};
    const number = (name) => (times[name] = (times[name] || 0) + 1);
    return new Map(changes.map((change) => [`${change.table} ${change.operation} ${number(`${change.table} ${change.operation}`)}`, change]));
  };
  const [left, right] = [keys(detail.left_rows), keys(detail.right_rows)];
  const [apart, alike] = [[], []];
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const pair = [left.get(key), right.get(key)];
    const { table } = pair[0] || pair[1];
    (spots.some((path) => path === table || path.startsWith(`${table}.`)) || !pair[0] || !pair[1] ? apart : alike).push(pair);
  }
  const all = (pairs) => h("div", { class: "card" }, h("table", { class: "rows" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Column"), h("th", { scope: "col" }, LEFT), h("th", { scope: "col" }, RIGHT))),
    h("tbody", {}, pairs.map((pair) => rowPair(pair, spots)))));
  return [apart.length > 0 && all(apart), alike.length > 0 && fold(`${many(alike.length, "row")} written alike by both`, () => all(alike))];
}

function rowPair(pair, spots) {
  const { table } = pair[0] || pair[1];
  const said = pair.map((side) => (side ? side.operation : "nothing"));
  const whole = spots.includes(table) || said[0] !== said[1];
  const columns = [...new Set(pair.filter(Boolean).flatMap((side) => [...Object.keys(side.before), ...Object.keys(side.after)]))];
  const differs = (column) => whole || spots.some((path) => path.startsWith(`${table}.${column}`) && /^$|^[.[(]/.test(path.slice(`${table}.${column}`.length)));
  const changed = (column) => pair.some((side) => side && side.before[column] !== side.after[column]);
  return [h("tr", { class: "table" }, h("td", {}, h("b", {}, table)), said.map((operation) => h("td", { class: whole ? "differs" : null }, operation))),
    columns.filter((column) => differs(column) || changed(column)).map((column) => h("tr", {}, h("td", {}, column), pair.map((side) => change(side, column, differs(column)))))];
}

function change(side, column, differs) {
  const mark = differs ? " differs" : "";
  if (!side) return h("td", { class: `none${mark}` });
  const [before, after] = [side.before[column], side.after[column]];
  const old = before !== undefined && before !== after;
  return h("td", { class: mark.trim() || null },
    old && h("span", { class: "before" }, plain(before)), old && after !== undefined && h("span", { class: "arrow" }, " → "),
    after !== undefined && h("span", {}, plain(after)));
}

const effects = (detail) => Object.entries(detail.effects).map(([kind, lines]) => sides(`${kind} side by side`,
  [LEFT, RIGHT].map((name) => h("div", {}, h("b", {}, name), h("span", { class: "muted" }, kind === "http" ? "HTTP calls" : "mails"))), lines, false));

function curls(texts, of) {
  return h("div", { class: "two" }, Object.entries(texts).map(([name, text]) => h("div", {}, h("h3", {}, name), block(`curl for ${name}${of}`, text))));
}

function spots(found, names) {
  return h("div", { class: "card scroll" }, h("table", { class: "headers" },
    h("thead", {}, h("tr", {}, ["Where", ...names, "Axis"].map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, found.map((spot) => h("tr", {}, h("td", {}, spot.spot || spot.where),
      h("td", {}, cut(plain(spot.left), 400) || h("span", { class: "muted" }, "nothing"), h("div", { class: "muted" }, spot.left_kind)),
      h("td", {}, cut(plain(spot.right), 400) || h("span", { class: "muted" }, "nothing"), h("div", { class: "muted" }, spot.right_kind)), h("td", {}, spot.axis))))));
}

// Return everything there is to see of one exchange, beginning with the place in which it differs.
function exchange(detail, first) {
  const parts = {
    answer: [answers(detail), h("section", {}, headerPart(detail))],
    rows: [detail.left_rows.length + detail.right_rows.length > 0 && h("section", {}, h("h4", {}, "Rows written"), rows(detail))],
    effects: [Object.keys(detail.effects).length > 0 && h("section", {}, h("h4", {}, "Calls and mails that left"), effects(detail))],
  };
  const order = [first, ...["answer", "rows", "effects"].filter((name) => name !== first)];
  return [
    h("section", {}, h("h4", {}, "Request"), h("div", { class: "request" }, `${detail.request.method} ${plain(detail.request.target)}`),
      detail.request.body.text && fold(`Body, ${count(detail.request.body.size_bytes)} bytes`, () => block("request body", pretty(detail.request.body)))),
    order.flatMap((name) => parts[name]),
    detail.spots.length > 1 && fold(`All ${count(detail.spots.length)} differences of this exchange`, () => spots(detail.spots, [LEFT, RIGHT])),
    detail.witness.length > 0 && fold(`${many(detail.witness.length, "difference")} from the recorded answer`, () => spots(detail.witness, ["recorded", LEFT])),
    h("section", {}, h("h4", {}, "curl", h("span", { class: "muted" }, "set TOKEN first where it is asked for")), curls(detail.curl, "")),
  ];
}

function headerPart(detail) {
  const differs = detail.spots.some((spot) => spot.where === "answer" && spot.axis === "header");
  return differs ? [h("h4", {}, "Headers"), headers(detail)] : fold("Headers of both answers", () => headers(detail));
}

function pretty(body) {
  if (body.kind === "binary") return `${body.text}\n(base64)`;
  // Large numbers would be rounded by reading them, so such a body stays as it was sent.
  if (body.kind !== "json" || body.cut || /\d{16}|\d\.\d*0\b|[eE][+-]?\d/.test(body.text)) return body.text;
  try {
    return JSON.stringify(JSON.parse(body.text), null, 2);
  } catch {
    return body.text;
  }
}
