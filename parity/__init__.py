"""Harness: record requests, replay them on two stacks from the same state, compare answers, rows and effects. Knows no app."""
