noinst_LTLIBRARIES += core/delivery/libdelivery.la
core_delivery_libdelivery_la_CPPFLAGS = $(CORE_CPPFLAGS)
core_delivery_libdelivery_la_SOURCES = \
	%D%/deliverer.c %D%/deliverer.h \
	%D%/delivery-address.c %D%/delivery-address.h \
	%D%/delivery-client.c %D%/delivery-client.h \
	%D%/delivery-message.c %D%/delivery-message.h \
	%D%/delivery-relay.c %D%/delivery-relay.h
