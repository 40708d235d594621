"""`make chaos`: kills, outages, full disks, changed clocks and definitions, and then an account of every event."""
