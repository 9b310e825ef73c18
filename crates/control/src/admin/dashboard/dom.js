// Makes and changes elements, always by text and never by markup: names and reasons come from others. Used by every part of
// the page.

export const byId = (id) => document.getElementById(id);

/** An element with a class, and with children that are elements or text. */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Changes only what differs: an element that is left alone keeps focus and selection, and costs no layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, className) {
  if (node.className !== className) node.className = className;
}

export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Makes `children` the children of `parent`, and moves none that stands where it should. */
export function setChildren(parent, children) {
  children.forEach((child, position) => {
    if (parent.children[position] !== child)
      parent.insertBefore(child, parent.children[position] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}

/** A colour of the style sheet as it is now: a canvas knows neither variables nor themes. */
export function colorIn(place, name) {
  const probe = element("span");
  probe.style.color = `var(--${name})`;
  place.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** A drawing made of paths: `[d, class]` each. Says nothing to those who listen: there is always a word beside it. */
export function drawing(className, size, ...paths) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("aria-hidden", "true");
  for (const [d, kind] of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", kind);
    svg.append(path);
  }
  return svg;
}

export const SVG = "http://www.w3.org/2000/svg";
