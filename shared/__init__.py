"""Duebell: reminders, deductions and stages of a consumer lender, as pure rules behind ports."""
