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
    waiting = setTimeout(() => {
      const address = new URL(location);
      const text = [view.zoom, view.left, view.top].map(x => +x.toFixed(4)).join(",");
      address.searchParams.set("view", text);
      history.replaceState(history.state, "", address);
    }, 200);
  }

  const [zoom, left, top] = (new URLSearchParams(location.search).get("view") || "").split(",").map(Number);
  if (zoom && left >= 0 && top >= 0) show(zoom, left, top);

  document.addEventListener("wheel", event => {
    const picture = event.target.closest?.(".picture");
    if (!picture) return;
    event.preventDefault();
    const box = picture.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width, y = (event.clientY - box.top) / box.height;
    const zoom = Math.min(Math.max(view.zoom * Math.exp(-event.deltaY / 400), 1), 32);
    // What is under the pointer stays there.
    move(zoom, view.left + x / view.zoom - x / zoom, view.top + y / view.zoom - y / zoom);
  }, { passive: false });

  let dragged = null, path = 0;
  document.addEventListener("pointerdown", event => { dragged = event.target.closest?.(".picture"); path = 0; });
  document.addEventListener("click", event => {
    const picture = event.target.closest?.(".picture");
    if (!picture || path > 3) return;
    const box = picture.getBoundingClientRect();
    const x = view.left + (event.clientX - box.left) / box.width / view.zoom;
    const y = view.top + (event.clientY - box.top) / box.height / view.zoom;
    picture.dispatchEvent(new CustomEvent("pick", { detail: { x, y } }));
  });
  document.addEventListener("pointerup", () => { dragged = null; });
  document.addEventListener("pointermove", event => {
    if (!dragged || !event.buttons) return;
    path += Math.hypot(event.movementX, event.movementY);
    const step = 1 / view.zoom / dragged.clientWidth;
    move(view.zoom, view.left - event.movementX * step, view.top - event.movementY * step * dragged.clientWidth / dragged.clientHeight);
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
