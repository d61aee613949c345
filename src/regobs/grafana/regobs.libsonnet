// For overlays: `local regobs = import 'regobs.libsonnet';`. Each function takes a dashboard and returns it changed.
// A panel or row is named by its title; one that does not exist is an error, so that an overlay never does nothing.
{
  local rows(dashboard) = [panel for panel in dashboard.panels if panel.type == 'row'],
  local inside(dashboard) = std.flattenArrays([row.panels for row in rows(dashboard)]),
  local titles(dashboard) = [panel.title for panel in dashboard.panels + inside(dashboard) if panel.type != 'row'],
  local known(dashboard, title) =
    if std.member(titles(dashboard), title) then dashboard
    else error 'no panel ' + title + ' in ' + dashboard.title,
  local everywhere(dashboard, change) = dashboard {
    panels: std.flattenArrays([
      if panel.type == 'row' then [panel { panels: std.flattenArrays([change(one) for one in super.panels]) }]
      else change(panel)
      for panel in super.panels
    ]),
  },

  // Add `patch` to the panels of this title, as jsonnet adds objects: `fieldConfig+: {...}` keeps what is there.
  patch(dashboard, title, patch):: everywhere(
    known(dashboard, title), function(panel) [if panel.title == title then panel + patch else panel]
  ),

  // Other colours: yellow from `warning`, red from `critical`.
  thresholds(dashboard, title, warning, critical):: $.patch(dashboard, title, {
    fieldConfig+: { defaults+: { thresholds: { mode: 'absolute', steps: [
      { color: 'green', value: null },
      { color: 'yellow', value: warning },
      { color: 'red', value: critical },
    ] } } },
  }),

  // The dashboard without the panels of this title.
  remove(dashboard, title):: everywhere(
    known(dashboard, title), function(panel) if panel.title == title then [] else [panel]
  ),

  // One more panel at the end of a row. It needs neither id nor place.
  add(dashboard, row, panel)::
    local indices = [i for i in std.range(0, std.length(dashboard.panels) - 1) if dashboard.panels[i].type == 'row'];
    local found = [i for i in indices if dashboard.panels[i].title == row];
    local start = if found == [] then error 'no row ' + row + ' in ' + dashboard.title else found[0];
    local later = [i for i in indices if i > start];
    local end = if later == [] then std.length(dashboard.panels) else later[0];
    local head = dashboard.panels[start];
    dashboard {
      panels:
        if head.collapsed then
          super.panels[:start] + [head { panels+: [panel] }] + super.panels[start + 1:]
        else super.panels[:end] + [panel] + super.panels[end:],
    },
}
