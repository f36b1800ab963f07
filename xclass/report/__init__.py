"""What people read, made from records alone: summary.json, report.md, the terminal table."""
