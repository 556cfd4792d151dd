// What the report says, indexed for the page. Nothing here touches the document.

const R = JSON.parse($("report").textContent);
const [LEFT, RIGHT] = R.stacks.map((stack) => stack.name);
const GROUPS = new Map(R.groups.map((group) => [group.id, group]));

// Exchanges are rows of arrays, and repeated texts are numbers into `tables`; see html.py.
const EXCHANGES = R.exchanges.map((row) => ({
  id: row[0], seq: row[1], session: R.tables[row[2]], method: R.tables[row[3]], target: row[4], route: R.tables[row[5]],
  area: R.tables[row[6]], verdict: R.tables[row[7]], recorded: row[8], left: row[9], right: row[10],
  groups: row[11] || [], reason: row[12] === undefined ? "" : R.tables[row[12]],
}));
const BY_ID = new Map(EXCHANGES.map((exchange) => [exchange.id, exchange]));

const STATUSES_OF_GROUP = new Map();
for (const exchange of EXCHANGES) {
  for (const id of exchange.groups) {
    if (!STATUSES_OF_GROUP.has(id)) STATUSES_OF_GROUP.set(id, new Set());
    STATUSES_OF_GROUP.get(id).add(exchange.left).add(exchange.right);
  }
}

const distinct = (values) => [...new Set(values)].filter((value) => value !== null && value !== "").sort();
const WORDS = new Map();

// Everything of a group that a person might look for, in lower case: made once, when the first search needs it.
function wordsOfGroup(group, cause) {
  const key = `${cause.id} ${group.id}`;
  if (!WORDS.has(key)) {
    const detail = R.details[group.example];
    const rule = group.rule ? [group.rule.id, group.rule.reason, group.rule.owner] : [];
    const parts = [cause.title, group.id, group.method, group.route, `${group.method} ${group.route}`, group.route_group,
      group.where, group.axis, group.path, group.left_kind, group.right_kind, ...group.exchanges, ...rule];
    if (detail) parts.push(detail.request.target, detail.request.body.text, ...detail.lines.flatMap((line) => line.slice(1, 4)),
      ...detail.spots.flatMap((spot) => [spot.left, spot.right]), ...Object.values(detail.effects).flat().flatMap((line) => line.slice(1, 3)), JSON.stringify([detail.left_rows, detail.right_rows]));
    WORDS.set(key, parts.filter(Boolean).join("\n").toLowerCase());
  }
  return WORDS.get(key);
}

function wordsOfExchange(exchange) {
  if (exchange.words === undefined) {
    exchange.words = [exchange.id, exchange.method, exchange.target, exchange.method, exchange.route, exchange.session, exchange.area,
      exchange.verdict, exchange.reason, exchange.recorded, exchange.left, exchange.right, ...exchange.groups].join(" ").toLowerCase();
  }
  return exchange.words;
}

const classOf = (status) => (/^[1235]/.test(String(status)) ? `${String(status)[0]}xx` : String(status));
const ofCause = (cause, groups) => cause.groups.map((id) => groups.get(id)).filter(Boolean);
