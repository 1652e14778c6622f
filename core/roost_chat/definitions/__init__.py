"""Agents defined by a folder of files instead of a class: `agent.yaml`, prompts, skills, tools, schedules."""
