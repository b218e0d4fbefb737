# files of plugins/TEMPLATE
