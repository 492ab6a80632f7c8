"""What vlft prints: findings, reports, progress."""
