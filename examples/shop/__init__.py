"""An online bookshop: orders, stock, receipts and a sales report."""
