// The API's base comes from the address, so that one page tries both prefixes: /?base=/api/v2
const base = new URLSearchParams(location.search).get("base") || "/api";
const byId = (id) => document.getElementById(id);
let token = null;

async function call(method, path, body) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(base + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.message || value.error);
  document.body.dataset.servedBy = answer.headers.get("X-Served-By");
  return value;
}

function showing(work) {
  return async (event) => {
    event.preventDefault();
    byId("error").textContent = "";
    try {
      await work(event.target instanceof HTMLFormElement ? new FormData(event.target) : null);
    } catch (error) {
      byId("error").textContent = error.message;
    }
  };
}

async function list() {
  const { jobs } = await call("GET", "/jobs");
  byId("jobs").replaceChildren(...jobs.map(row));
}

function row(job) {
  const item = document.createElement("li");
  const toggle = document.createElement("button");
  toggle.textContent = job.is_active ? "Disable" : "Enable";
  toggle.onclick = showing(async () => {
    const answer = await call("PUT", `/jobs/${job.id}`, { is_active: !job.is_active });
    item.replaceWith(row(answer.job));
  });
  item.append(`${job.name} (${job.is_active ? "on" : "off"}) `, toggle);
  return item;
}

byId("login").onsubmit = showing(async (form) => {
  const answer = await call("POST", "/auth/login", { username: form.get("username"), password: form.get("password") });
  token = answer.access_token;
  byId("who").textContent = `${answer.user.username}, ${answer.user.role}`;
  await list();
});

byId("add").onsubmit = showing(async (form) => {
  const end = new Date(Date.now() + 30 * 86400e3).toISOString().slice(0, 10);
  await call("POST", "/jobs", {
    name: form.get("name"),
    cron_expression: "0 2 * * *",
    end_date: end,
    pic_team: "core",
    target_url: "http://127.0.0.1:9/hook",
  });
  await list();
});
