// What a dashboard is made of, in Grafana's own types; `definition` is Grafana's too, though its types do not say so.
import type { Dashboard, VariableModel } from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as barchart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as history from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

export type Board = Omit<Dashboard, 'templating'> & { templating?: { list?: (VariableModel & { definition?: string })[] } };

export interface Options {
  barchart: Partial<barchart.Options>;
  stat: Partial<stat.Options>;
  'state-timeline': Partial<timeline.Options>;
  'status-history': Partial<history.Options>;
  table: Partial<table.Options>;
  timeseries: Partial<timeseries.Options>;
}

export interface Custom {
  barchart: Partial<barchart.FieldConfig>;
  'state-timeline': Partial<timeline.FieldConfig>;
  'status-history': Partial<history.FieldConfig>;
  table: Partial<table.FieldConfig>;
  timeseries: Partial<timeseries.FieldConfig>;
}

export type Plain<T> = T extends string
  ? `${T}`
  : T extends (infer U)[]
    ? Plain<U>[]
    : T extends object
      ? { [K in keyof T]: Plain<T[K]> }
      : T;
