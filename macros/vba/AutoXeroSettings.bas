Attribute VB_Name = "AutoXeroSettings"
Option Explicit

' Reads and writes the column Value of the table Settings in the open workbook. The agent reads it once it is saved.

Private Const OWN_CURRENCY As String = "(the books' own)"
Private Const BETWEEN As String = "|"

Private Function SettingCell(ByVal settingName As String) As Range
    Set SettingCell = CellBeside(TableRange("Settings"), "Setting", settingName, "Value")
End Function

' The value of a setting as it stands in its cell, or nothing.
Public Function SettingText(ByVal settingName As String) As String
    Dim cell As Range
    Set cell = SettingCell(settingName)
    If Not cell Is Nothing Then SettingText = TextOf(cell)
End Function

' Puts a value into a setting's cell; False, and told why, where that cannot be.
Public Function IsChanged(ByVal settingName As String, ByVal value As String) As Boolean
    Dim cell As Range
    Set cell = SettingCell(settingName)
    If cell Is Nothing Then
        Tell "The table Settings has no row '" & settingName & "'. 'autoxero rebuild' brings it back."
    ElseIf cell.Worksheet.ProtectContents And cell.Locked Then
        Tell "The sheet " & cell.Worksheet.Name & " is protected. Take the protection off (Review, Unprotect Sheet) " _
            & "and press the button again."
    Else
        cell.Value = value
        Say "'" & settingName & "' is now '" & value & "'. It counts once the workbook is saved."
        IsChanged = True
    End If
End Function

' Pauses the agent or lets it go on; saved at once, since the agent reads the saved file.
Public Sub Pause(ByVal isPaused As Boolean)
    If Len(ThisWorkbook.Path) = 0 Then
        TellToSave
    ElseIf IsReadOnly() Then
        Tell "This workbook is open for reading only, so it cannot be saved. Close it where else it is open, and " _
            & "open it again."
    ElseIf IsChanged("Paused", IIf(isPaused, "Yes", "No")) Then
        ThisWorkbook.Save
        Say IIf(isPaused, "Paused and saved: nothing is sent until you press Go on.", _
            "Saved: the agent goes on with its next run.")
    End If
End Sub

Public Sub TellToSave()
    Tell "This workbook has never been saved. Save it first (File, Save As), then run 'autoxero install' once."
End Sub

' What the list Currency offers: the books' own, what Xero has, and what stands in the cell if it is neither.
Public Function CurrencyLabels() As Variant
    Dim labels As String
    Dim chosen As String
    Dim place As Long
    Dim column As Range
    labels = OWN_CURRENCY
    Set column = ListColumn("Currencies")
    If Not column Is Nothing Then
        For place = 1 To column.Rows.Count
            If Len(TextOf(column.Cells(place, 1))) > 0 Then labels = labels & BETWEEN & TextOf(column.Cells(place, 1))
        Next place
    End If
    chosen = SettingText("Currency")
    If Len(chosen) > 0 And InStr(BETWEEN & labels & BETWEEN, BETWEEN & chosen & BETWEEN) = 0 Then
        labels = labels & BETWEEN & chosen
    End If
    CurrencyLabels = Split(labels, BETWEEN)
End Function

Private Function ListColumn(ByVal heading As String) As Range
    On Error Resume Next
    Set ListColumn = ColumnOf(ThisWorkbook.Worksheets("_lists").UsedRange, heading)
End Function

' The place of the chosen currency in the list, counted from 0.
Public Function CurrencyIndex() As Long
    Dim labels As Variant
    Dim place As Long
    labels = CurrencyLabels()
    For place = 1 To UBound(labels)
        If labels(place) = SettingText("Currency") Then CurrencyIndex = place
    Next place
End Function

Public Sub ChooseCurrency(ByVal index As Long)
    Dim label As String
    label = CurrencyLabels()(index)
    If index = CurrencyIndex() Then Exit Sub
    If Not IsAgreed("Change the currency to " & label & "?" & vbLf _
        & "It is used for invoices for which Autotask gives no currency. Nothing is converted.") Then Exit Sub
    If IsChanged("Currency", IIf(index = 0, "", label)) Then
        Say "Currency is now " & label & ". It counts once the workbook is saved."
    End If
End Sub

Public Sub ChooseNumbers(ByVal isAutotask As Boolean)
    Dim question As String
    question = IIf(isAutotask, "Use Autotask's invoice numbers in Xero from now on?", _
        "Let Xero number invoices from now on?")
    If Not IsAgreed(question & vbLf & "Invoices that are in Xero already keep their numbers.") Then Exit Sub
    IsChanged "Use Autotask Numbers", IIf(isAutotask, "Number", "No")
End Sub
