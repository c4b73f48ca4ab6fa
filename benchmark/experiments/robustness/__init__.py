"""Robustness: methods on sources that something went wrong with."""
