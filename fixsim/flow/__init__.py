"""Generated order flow: models of a market, the published execution task, and sources for the engine."""
