"""Claims to one page: a result object assembled from the tables, and its renderings as HTML, JSON and CSV.

queries     the SELECTs behind each section, to be pasted by an analyst
sections    the journey's sections of the result
declared    the funnels that the journey map declares
kpis        the four numbers at the top
quality     is the data fit to read?
verdict     the findings as rows, the sentence above them, and what changed
result      the result object, also written as report.json
chartparts  what the figures share
marks       where the page's small drawings stand
charts      the figures that readers explore
exports     the tables as data: what a page shows and a CSV holds
page        one self-contained HTML file and what is written beside it
"""
