"""Planner and sub-LM: what answers prompts."""
