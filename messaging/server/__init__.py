"""The two web apps: what links and the shop's system reach, and what staff see. They share no door."""
