# files of core/delivery
