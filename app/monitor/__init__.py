"""The roads: record, evaluate, baseline, backtest, retain."""
