// Keeps the page as it is in the cluster, and lends it a keyboard. Without it the page works, and stands still.
"use strict";

const store = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* then it is forgotten */ } },
};

// Before the page is drawn, so that it does not flash.
const chosen = store.get("theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;

function isDark() {
  const said = document.documentElement.dataset.theme;
  return said ? said === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function showTheme() {
  const button = document.getElementById("theme");
  button.textContent = isDark() ? "light" : "dark";
  button.setAttribute("aria-label", `switch to ${button.textContent} colours`);
}

function switchTheme() {
  const wanted = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = wanted;
  store.set("theme", wanted);
  showTheme();
}

// How long ago a time was.

function ago(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${Math.max(0, Math.floor(seconds))} s ago`;
}

function showTimes(within) {
  for (const time of within.querySelectorAll("time[datetime]")) {
    if (!time.title) time.title = time.textContent;
    time.textContent = ago((Date.now() - Date.parse(time.dateTime)) / 1000);
  }
}

// Live.

let source = null;

function main() { return document.getElementById("main"); }

function tell(words, kind) {
  const live = document.getElementById("live");
  if (live.textContent !== words) live.textContent = words;
  live.className = `live ${kind}`;
}

// The server has escaped whatever is in there; a template runs no script.
function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function focused() {
  const at = document.activeElement;
  if (!at || !main().contains(at)) return null;
  return { id: at.id, href: at.getAttribute("href"), from: at.selectionStart, to: at.selectionEnd, value: at.value };
}

function refocus(was) {
  if (!was || main().contains(document.activeElement)) return;
  const links = [...main().querySelectorAll("a[href]")];
  const at = (was.id && document.getElementById(was.id)) || links.find((link) => link.getAttribute("href") === was.href);
  if (!at) return;
  if (was.value !== undefined && at.value !== undefined && at.type === "search") {
    at.value = was.value;
    at.focus({ preventScroll: true });
    at.setSelectionRange(was.from, was.to);
  } else {
    at.focus({ preventScroll: true });
  }
}

function change(said) {
  const was = focused();
  if (said.main !== null) main().replaceChildren(made(said.main));
  for (const [id, html] of said.elements) {
    const element = document.getElementById(id);
    // A row alone would be dropped outside of a table: the parser wants one around it.
    if (element) element.replaceWith(id && element.tagName === "TR" ? row(html) : made(html));
  }
  main().dataset.digest = said.digest;
  showTimes(main());
  refocus(was);
}

function row(html) {
  return made(`<table><tbody>${html}</tbody></table>`).querySelector("tr");
}

function address() { return location.pathname + location.search; }

function follow() {
  if (source) source.close();
  const asked = new URLSearchParams({ path: address(), digest: main().dataset.digest });
  const ours = new EventSource(`/live?${asked}`);
  source = ours;
  ours.onopen = () => tell("live", "on");
  ours.onmessage = (event) => { if (ours === source) change(JSON.parse(event.data)); };
  ours.onerror = () => {
    if (ours !== source) return;
    tell("not live: the console does not answer", "off");
    // A browser gives up where it was refused; we come back.
    if (ours.readyState === EventSource.CLOSED) setTimeout(() => { if (ours === source) follow(); }, 5000);
  };
}

// The filter.

let typing = null;

function filtered(form) {
  const asked = new URLSearchParams(new FormData(form));
  if (!asked.get("q")) asked.delete("q");
  const to = form.getAttribute("action") + (asked.size ? `?${asked}` : "");
  if (to === address()) return;
  history.replaceState(null, "", to);
  main().dataset.digest = "";
  follow();
}

function listenToFilter() {
  document.addEventListener("input", (event) => {
    if (event.target.id !== "filter") return;
    clearTimeout(typing);
    typing = setTimeout(() => filtered(event.target.form), 150);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.getAttribute("role") !== "search") return;
    event.preventDefault();
    clearTimeout(typing);
    filtered(event.target);
  });
}

// Keys.

function step(by) {
  const links = [...main().querySelectorAll(".card h3 a, tbody th a")];
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[next].focus();
}

function open(number) {
  const link = document.querySelectorAll("nav li a")[number - 1];
  if (link) link.click();
}

function keyed(event) {
  const writes = event.target.matches("input[type=search], textarea, select");
  if (event.key === "Escape" && writes) { event.target.blur(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || writes || event.target.closest("dialog")) return;
  if (!document.getElementById("single-keys").checked) return;
  const filter = document.getElementById("filter");
  if (event.key === "/" && filter) filter.focus();
  else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "t") switchTheme();
  else if (event.key === "?") document.getElementById("keys").showModal();
  else if (event.key >= "1" && event.key <= "9") open(Number(event.key));
  else return;
  event.preventDefault();
}

document.addEventListener("DOMContentLoaded", () => {
  for (const id of ["theme", "help"]) document.getElementById(id).hidden = false;
  const keys = document.getElementById("keys");
  const single = document.getElementById("single-keys");
  single.checked = store.get("single-keys") !== "off";
  single.addEventListener("change", () => store.set("single-keys", single.checked ? "on" : "off"));
  document.getElementById("theme").addEventListener("click", switchTheme);
  document.getElementById("help").addEventListener("click", () => keys.showModal());
  document.getElementById("close-keys").addEventListener("click", () => keys.close());
  document.addEventListener("keydown", keyed);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  listenToFilter();
  showTheme();
  showTimes(main());
  setInterval(() => showTimes(document), 1000);
  follow();
});

// A page that comes out of the browser's memory has no stream any more.
addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
addEventListener("pagehide", () => { if (source) source.close(); });
