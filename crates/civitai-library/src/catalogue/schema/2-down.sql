DROP TABLE placed;
