// What the server has no part in: the keys between prepared states, and pictures that zoom together.

// Write a value into the address without loading the page anew.
function remember(name, value) {
  const address = new URL(location);
  address.searchParams.set(name, value);
  history.replaceState(history.state, "", address);
  // Pages that are opened later start as dark or as light as this one was left.
  if (name === "dark") document.cookie = `dark=${value}; path=/; SameSite=Strict`;
}

// Scroll a list, and nothing around it, to where one of its entries is seen.
function showInList(entry) {
  const list = entry.parentElement;
  list.scrollTop = entry.offsetTop - list.offsetTop - list.clientHeight / 2;
}

// Remote controls for slides send PageDown and PageUp. A slider or a text field keeps its keys.
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, textarea, .q-slider")) return;
  const name = {n: "next", pagedown: "next", p: "previous", pageup: "previous"}[event.key?.toLowerCase()];
  if (name) { event.preventDefault(); document.getElementById(name).click(); }
});

// The cell of matrices that the pointer is on, or that an arrow key leads to from the chosen one:
// "0,2,3" is plane 0, row 2, column 3. Sideways, the keys go on to the next row and the next plane.
function chooseCell(event, emit) {
  const frame = event.currentTarget, cells = [...frame.querySelectorAll("[data-cell]")];
  let cell = event.target.closest("[data-cell]");
  if (event.type === "keydown") {
    const columns = cells.filter(one => one.dataset.cell.startsWith("0,0,")).length;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!by) return;
    event.preventDefault();
    cell = cells[cells.findIndex(one => one.dataset.cell === frame.dataset.at) + by];
  }
  if (cell && cell.dataset.cell !== frame.dataset.at) emit(cell.dataset.cell);
}

// All elements of the class "picture" show the same part of their images: wheel and drag, or the
// keys + - 0 and arrows. The address keeps it as view=zoom,left,top, both as shares of the image.
// A click becomes the event "pick" with x and y as such shares.
(() => {
  const root = document.documentElement.style;
  const view = { zoom: 1, left: 0, top: 0 };

  function show(zoom, left, top) {
    view.zoom = Math.min(Math.max(zoom, 1), 32);
    const most = 1 - 1 / view.zoom;
    view.left = Math.min(Math.max(left, 0), most);
    view.top = Math.min(Math.max(top, 0), most);
    for (const name in view) root.setProperty("--" + name, view[name]);
  }

  let waiting;
  function move(zoom, left, top) {
    show(zoom, left, top);
    clearTimeout(waiting);
    const text = [view.zoom, view.left, view.top].map(x => +x.toFixed(4)).join(",");
    waiting = setTimeout(() => remember("view", text), 200);
  }

  const [zoom, left, top] = (new URLSearchParams(location.search).get("view") || "").split(",").map(Number);
  if (zoom && left >= 0 && top >= 0) show(zoom, left, top);

  // Where in the image the pointer is, as shares of it, and where in the picture.
  function place(event, picture) {
    const box = picture.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    return [view.left + x / view.zoom, view.top + y / view.zoom, x, y];
  }

  document.addEventListener("wheel", event => {
    const picture = event.target.closest?.(".picture");
    if (!picture) return;
    event.preventDefault();
    const [left, top, x, y] = place(event, picture);
    const zoom = Math.min(Math.max(view.zoom * Math.exp(-event.deltaY / 400), 1), 32);
    move(zoom, left - x / zoom, top - y / zoom); // what is under the pointer stays there
  }, { passive: false });

  let dragged = null, path = 0;
  document.addEventListener("pointerdown", event => { dragged = event.target.closest?.(".picture"); path = 0; });
  document.addEventListener("pointerup", () => { dragged = null; });
  document.addEventListener("click", event => {
    const picture = event.target.closest?.(".picture");
    if (!picture || path > 3) return;
    const [x, y] = place(event, picture);
    picture.dispatchEvent(new CustomEvent("pick", { detail: { x, y } }));
  });
  document.addEventListener("pointermove", event => {
    if (!dragged || !event.buttons) return;
    path += Math.hypot(event.movementX, event.movementY);
    const across = event.movementX / dragged.clientWidth, down = event.movementY / dragged.clientHeight;
    move(view.zoom, view.left - across / view.zoom, view.top - down / view.zoom);
  });

  document.addEventListener("keydown", event => {
    if (!event.target.closest?.(".picture")) return;
    const { zoom, left, top } = view, step = 0.1 / zoom;
    const middle = factor => [zoom * factor, left + (1 - 1 / factor) / 2 / zoom, top + (1 - 1 / factor) / 2 / zoom];
    const keys = {
      "+": middle(1.25), "-": middle(0.8), "0": [1, 0, 0],
      ArrowLeft: [zoom, left - step, top], ArrowRight: [zoom, left + step, top],
      ArrowUp: [zoom, left, top - step], ArrowDown: [zoom, left, top + step],
    };
    if (keys[event.key]) { event.preventDefault(); move(...keys[event.key]); }
  });
})();
